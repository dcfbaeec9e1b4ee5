import assert from 'node:assert/strict'
import { test } from 'node:test'
import { processesWith } from '#shared/process/find.ts'
import { identify } from '#shared/process/identity.ts'
import { backlogOf } from '../../shared/bus/consumers.ts'
import { readRegistry } from '../../shared/bus/registry.ts'
import { AttemptRecord, StepOutcome } from '../../shared/contract/step-record.ts'
import { CONSUMER, STREAM } from '../../shared/contract/streams.ts'
import { record, subject } from '../../shared/contract/subjects.ts'
import { decode } from '../../shared/wire/message.ts'
import { decodeValue } from '../../shared/wire/value.ts'
import { until } from '../support/until.ts'
import { openSystem, type System } from './system.ts'

type Ready = { id: string; engine: string; maxQubits: number; pid: number; job: string; host: string }

async function readyOutcome(system: System, run: string): Promise<Ready> {
  const outcome = await until(`the outcome of ${run}`, async () => {
    const data = await system.read(record(run).outcome(1))
    return data && decode(StepOutcome, data)
  })
  assert.equal(outcome.state, 'completed')
  assert.equal(outcome.kind, 'vqpu')
  assert.ok(outcome.result && 'inline' in outcome.result)
  return decodeValue(outcome.result.inline) as Ready
}

const hosts = (system: System) => processesWith('QUBUS_HOME', system.home).length

async function readyHost(system: System, device: string, otherThan?: number) {
  return until(`a host of ${device}`, async () => {
    const entry = (await readRegistry(system.bus.nc)).vqpus.get(device)
    return entry?.state === 'ready' && entry.pid !== otherThan && entry
  })
}

/** The lease is gone: nothing is un-acked in the pool. */
async function allAcked(system: System): Promise<void> {
  await until('every allocation acked', async () => {
    const backlog = await backlogOf(system.bus.nc, STREAM.allocations, CONSUMER.allocations('vqpu'))
    return backlog !== undefined && backlog.waiting + backlog.running === 0
  })
}

test('a vQPU that was asked for is announced once, and ends with its run, leaving nothing', async () => {
  await using system = await openSystem()
  const events: string[] = []
  system.bus.nc.subscribe(subject.event('allocation', '*', '*', '*'), {
    callback: (_error, message) => void events.push(message.subject.split('.')[4] ?? ''),
  })
  const allocator = await system.allocator('a1')
  const device = await system.launch('run1')
  const ready = await readyOutcome(system, 'run1')
  assert.equal(ready.id, device)
  assert.equal(ready.engine, 'fixture')
  assert.equal(ready.maxQubits, 20)
  assert.equal(system.jobFiles().length, 1)
  assert.ok(await backlogOf(system.bus.nc, STREAM.circuits, CONSUMER.circuits(device)))
  await system.write(record('run1').completed, { fixture: true })
  system.bus.nc.publish(subject.event('run', 'completed', 'run1', 'run1'), '{}')
  await allAcked(system)
  assert.deepEqual(system.jobFiles(), [])
  assert.equal(await backlogOf(system.bus.nc, STREAM.circuits, CONSUMER.circuits(device)), undefined)
  assert.equal(identify(ready.pid), undefined)
  await until('the last event', () => events.includes('ended'))
  const verbs = events.filter((verb) => verb !== 'waiting')
  assert.deepEqual(verbs, ['requested', 'started', 'ready', 'ended'])
  allocator.kill('SIGKILL')
})

test('a host that is killed is replaced under the same device id, and the outcome stays', async () => {
  await using system = await openSystem()
  await system.allocator('a1')
  const device = await system.launch('run1')
  const first = await readyOutcome(system, 'run1')
  const killedAt = performance.now()
  process.kill(first.pid, 'SIGKILL')
  const second = await readyHost(system, device, first.pid)
  assert.ok(performance.now() - killedAt < 5_000, 'replaced within 5 s')
  assert.notEqual(second.job, first.job)
  assert.equal((await readyOutcome(system, 'run1')).pid, first.pid)
  // And what the first one's job left behind is gone.
  assert.equal(processesWith('QUBUS_JOB', first.job).length, 0)
})

test('a program that a killed host left behind is ended before the host is replaced', async () => {
  await using system = await openSystem()
  await system.allocator('a1')
  const device = await system.launch('run1', { engine: 'orphans' })
  const first = await readyOutcome(system, 'run1')
  const [, orphan] = await until(
    'the orphan',
    () => processesWith('QUBUS_JOB', first.job).length === 2 && processesWith('QUBUS_JOB', first.job),
  )
  assert.ok(orphan)
  process.kill(first.pid, 'SIGKILL')
  await readyHost(system, device, first.pid)
  assert.equal(processesWith('QUBUS_JOB', first.job).length, 0)
})

test('an allocator killed between the start of a job and its record: another adopts the job', async () => {
  await using system = await openSystem()
  const dying = await system.allocator('a1', { crashAfterStart: true })
  const died = new Promise((resolve) => dying.once('exit', resolve))
  const device = await system.launch('run1')
  await died
  await system.allocator('a2')
  const ready = await readyOutcome(system, 'run1')
  assert.equal(ready.id, device)
  assert.equal(system.jobFiles().length, 1)
  assert.equal(processesWith('QUBUS_JOB', ready.job).length, 1)
})

test('a killed allocator leaves the vQPU alone, and the next one adopts and ends it', async () => {
  await using system = await openSystem()
  const first = await system.allocator('a1')
  await system.launch('run1')
  const ready = await readyOutcome(system, 'run1')
  first.kill('SIGKILL')
  await system.allocator('a2')
  await system.write(record('run1').completed, { fixture: true })
  await allAcked(system)
  assert.equal(identify(ready.pid), undefined)
  assert.deepEqual(system.jobFiles(), [])
})

test('two allocators start one job for an allocation', async () => {
  await using system = await openSystem()
  await Promise.all([system.allocator('a1'), system.allocator('a2')])
  const runs = Array.from({ length: 4 }, (_, i) => `run${i}`)
  await Promise.all(runs.map((run) => system.launch(run)))
  for (const run of runs) await readyOutcome(system, run)
  assert.equal(system.jobFiles().length, 4)
  // Four hosts and two allocators.
  assert.equal(hosts(system), 6)
})

test('a launch that always crashes ends as a failed attempt with the last of the log', {
  timeout: 90_000,
}, async () => {
  await using system = await openSystem()
  await system.allocator('a1')
  await system.launch('run1', { engine: 'crashes' })
  const data = await until('the attempt', () => system.read(record('run1').attempt(1, 1)))
  const { error, name } = decode(AttemptRecord, data)
  assert.equal(name, 'launchVqpu')
  assert.equal(error.code, 'ALLOCATION_FAILED')
  assert.match(error.message, /6 launches failed.*exit code 7/)
  assert.match(error.message, /no licence/)
  await allAcked(system)
  assert.deepEqual(system.jobFiles(), [])
})

test('a cancelled run ends its vQPU, and a shared one outlives its run', async () => {
  await using system = await openSystem()
  await system.allocator('a1')
  await system.launch('run1')
  await system.launch('run2', { shared: true, device: 'vqpu-9' })
  const [own, shared] = [await readyOutcome(system, 'run1'), await readyOutcome(system, 'run2')]
  await system.write(record('run2').completed, {})
  await system.write(record('run1').cancel, {})
  await until('the end of the cancelled one', () => system.jobFiles().length === 1)
  assert.equal(identify(own.pid), undefined)
  assert.ok(identify(shared.pid))
  // Asked for again, it is given as it is.
  await system.launch('run3', { shared: true, device: 'vqpu-9' })
  assert.equal((await readyOutcome(system, 'run3')).pid, shared.pid)
  // And drained, its allocation is over for all.
  await system.bus.nc.request(subject.command('vqpu-9', 'drain'))
  await allAcked(system)
  assert.deepEqual(system.jobFiles(), [])
})

test('a vQPU ends at its walltime', async () => {
  await using system = await openSystem()
  await system.allocator('a1')
  await system.launch('run1', { walltimeSeconds: 3 })
  const ready = await readyOutcome(system, 'run1')
  await allAcked(system)
  assert.equal(identify(ready.pid), undefined)
})
