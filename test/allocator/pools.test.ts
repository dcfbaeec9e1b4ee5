import assert from 'node:assert/strict'
import { test } from 'node:test'
import { processesWith } from '#shared/process/find.ts'
import { identify } from '#shared/process/identity.ts'
import type { JobsAnswer } from '../../services/allocator/answers.ts'
import { backlogOf } from '../../shared/bus/consumers.ts'
import { CONSUMER, STREAM } from '../../shared/contract/streams.ts'
import { record, subject } from '../../shared/contract/subjects.ts'
import { unpack } from '../../shared/wire/message.ts'
import { until } from '../support/until.ts'
import { openSystem, type System } from './system.ts'

const cluster = (workers: string, vqpus: string) =>
  `w: { starts: worker, serves: [generic, cpu, gpu], ${workers} }\nvqpu: { starts: vqpu, ${vqpus} }\ncircuit: { starts: submitter }\n`
const ONE_WORKER = cluster('minimum_jobs: 1', 'maximum_jobs: 0')

async function jobs(system: System): Promise<JobsAnswer['jobs']> {
  const answer = unpack((await system.bus.nc.request(subject.query('jobs'))).data) as JobsAnswer
  return answer.jobs
}

const running = (system: System, count: number) =>
  until(`${count} running jobs`, async () => {
    const found = (await jobs(system)).filter(({ state, pid }) => state === 'running' && pid !== undefined)
    return found.length === count && found
  })

test('every queue is there at once, and a pool has its minimum of jobs', async () => {
  await using system = await openSystem()
  await system.allocator('a1', { cluster: ONE_WORKER })
  for (const pool of ['generic', 'cpu', 'gpu'])
    assert.ok(await backlogOf(system.bus.nc, STREAM.tasks, CONSUMER.tasks(pool)))
  assert.ok(await backlogOf(system.bus.nc, STREAM.circuits, CONSUMER.circuits('pool-vqpu')))
  const [worker] = await running(system, 1)
  assert.equal(worker?.pool, 'w')
})

test('a killed worker is replaced, and its place has a job of another name', async () => {
  await using system = await openSystem()
  await system.allocator('a1', { cluster: ONE_WORKER })
  const [first] = await running(system, 1)
  process.kill(first?.pid as number, 'SIGKILL')
  const second = await until('another worker', async () =>
    (await jobs(system)).find(({ state, job }) => state === 'running' && job !== first?.job),
  )
  assert.notEqual(second.pid, first?.pid)
  assert.equal(processesWith('QUBUS_JOB', first?.job ?? '').length, 0)
})

test('circuits that wait start vQPUs of the pool up to its maximum; idle ones go after a while, with their queues', async () => {
  await using system = await openSystem()
  await system.allocator('a1', {
    cluster: cluster('maximum_jobs: 0', 'maximum_jobs: 2, load_per_job: 2, idle_hold_seconds: 1'),
  })
  for (let step = 1; step <= 9; step++)
    await system.write(subject.circuit('pool-vqpu', { run: 'r', step, attempt: 1 }), {})
  const found = await running(system, 2)
  assert.deepEqual(
    found.map(({ pool }) => pool),
    ['vqpu', 'vqpu'],
  )
  const device = 'pool-vqpu-0-1'
  assert.ok(await backlogOf(system.bus.nc, STREAM.circuits, CONSUMER.circuits(device)))
  // The circuits are gone: nobody waits any more.
  const message = await system.bus.nc.request(`$JS.API.STREAM.PURGE.${STREAM.circuits}`, '{}')
  assert.ok(JSON.parse(message.string()).success)
  await running(system, 0)
  await until(
    'its queue to go',
    async () => (await backlogOf(system.bus.nc, STREAM.circuits, CONSUMER.circuits(device))) === undefined,
  )
})

test('two allocators together give a pool one worker', async () => {
  await using system = await openSystem()
  await Promise.all([
    system.allocator('a1', { cluster: ONE_WORKER }),
    system.allocator('a2', { cluster: ONE_WORKER }),
  ])
  await running(system, 1)
  await new Promise((resolve) => setTimeout(resolve, 2_500))
  // The worker and two allocators.
  assert.equal(processesWith('QUBUS_HOME', system.home).length, 3)
})

test('an allocator that is told to stop leaves its jobs; the next one has them again', async () => {
  await using system = await openSystem()
  const first = await system.allocator('a1', { cluster: ONE_WORKER })
  const [worker] = await running(system, 1)
  const code = new Promise((resolve) => first.once('exit', resolve))
  first.kill('SIGTERM')
  assert.equal(await code, 0)
  await system.allocator('a2', { cluster: ONE_WORKER })
  assert.equal((await running(system, 1))[0]?.pid, worker?.pid)
})

test('a shutdown ends all jobs and says when it is done; a launched vQPU comes back when the system does', async () => {
  await using system = await openSystem()
  const first = await system.allocator('a1', { cluster: ONE_WORKER })
  await system.launch('run1')
  await until('the outcome', () => system.read(record('run1').outcome(1)))
  const [one, two] = await running(system, 2)
  const reply = unpack(
    (await system.bus.nc.request(subject.command('a1', 'shutdown'), '', { timeout: 40_000 })).data,
  )
  assert.deepEqual(reply, { ok: true })
  assert.deepEqual([identify(one?.pid as number), identify(two?.pid as number)], [undefined, undefined])
  assert.deepEqual(system.jobFiles(), [])
  const gone = new Promise((resolve) => first.once('exit', resolve))
  first.kill('SIGTERM')
  await gone
  await system.allocator('a2', { cluster: ONE_WORKER })
  const again = await running(system, 2)
  assert.ok(again.some(({ pool }) => pool === 'vqpu'))
})

test('a pool whose jobs crash at the start is not started over and over', async () => {
  await using system = await openSystem()
  let started = 0
  system.bus.nc.subscribe(subject.event('job', 'submitted', undefined, '*'), {
    callback: () => void started++,
  })
  await system.allocator('a1', { cluster: cluster('maximum_jobs: 0', 'minimum_jobs: 1, engine: crashes') })
  const why = await until('the cool-down', async () => {
    const answer = unpack((await system.bus.nc.request(subject.query('jobs'))).data) as JobsAnswer
    return answer.pools.find((pool) => /starts failed.*exit code 7/.test(pool.why))?.why
  })
  assert.match(why, /next try in/)
  await new Promise((resolve) => setTimeout(resolve, 4_000))
  assert.ok(started >= 2 && started <= 5, `${started} starts`)
})
