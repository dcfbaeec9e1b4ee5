import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { processesWith } from '#shared/process/find.ts'
import { bootId, identify, isAlive, signalExactly } from '#shared/process/identity.ts'
import { jobFiles } from '../../services/allocator/local/job-file.ts'
import { openJobLog, rotateJobLog, tailJobLog } from '../../services/allocator/local/job-log.ts'
import { LocalScheduler } from '../../services/allocator/local/local-scheduler.ts'
import type { Job, JobSpec } from '../../services/allocator/scheduler.ts'
import type { QubusError } from '../../shared/contract/errors.ts'
import { until } from '../support/until.ts'

const FOREVER = 'setInterval(() => {}, 1000)'

type Home = Disposable & { path: string; scheduler(): LocalScheduler }

function tempHome(): Home {
  const path = mkdtempSync(join(tmpdir(), 'qubus-jobs-'))
  return {
    path,
    scheduler: () => new LocalScheduler(path),
    [Symbol.dispose]() {
      for (const { pid } of processesWith('QUBUS_HOME', path)) process.kill(pid, 'SIGKILL')
      rmSync(path, { recursive: true, force: true })
    },
  }
}

function spec(home: Home, name: string, script: string, more: Partial<JobSpec> = {}): JobSpec {
  const environment = { PATH: process.env.PATH ?? '', QUBUS_HOME: home.path }
  return { name, pool: 'cpu', kind: 'worker', argv: ['-e', script], environment, cores: 1, ...more }
}

async function jobOf(scheduler: LocalScheduler, name: string): Promise<Job> {
  const job = (await scheduler.jobs()).find((each) => each.name === name)
  assert.ok(job, `${name} is known`)
  return job
}

const ended = (scheduler: LocalScheduler, name: string) =>
  until(`the end of ${name}`, async () => {
    const job = await jobOf(scheduler, name)
    return job.state === 'ended' && job
  })

test('a job is a process in a session of its own, with an environment made for it, and files nobody else reads', async () => {
  using home = tempHome()
  const scheduler = home.scheduler()
  await scheduler.submit(
    spec(home, 'job-1', `console.log(JSON.stringify(process.env)); ${FOREVER}`, { walltimeSeconds: 100 }),
  )
  const job = await jobOf(scheduler, 'job-1')
  assert.equal(job.state, 'running')
  const text = await until('its output', async () => (await scheduler.tail('job-1', 10_000)) || undefined)
  const environment = JSON.parse(text) as Record<string, string>
  assert.deepEqual(Object.keys(environment).sort(), ['PATH', 'QUBUS_HOME', 'QUBUS_JOB', 'QUBUS_JOB_ENDS_AT'])
  assert.equal(environment.QUBUS_JOB, 'job-1')
  const session = readFileSync(`/proc/${job.pid}/stat`, 'latin1').split(') ')[1]?.split(' ')[3]
  assert.equal(session, String(job.pid))
  const folder = join(home.path, 'jobs')
  for (const file of readdirSync(folder)) assert.equal(statSync(join(folder, file)).mode & 0o777, 0o600, file)
  await scheduler.cancel('job-1', { graceSeconds: 5 })
  assert.equal((await jobOf(scheduler, 'job-1')).how, 'cancelled')
  await scheduler.forget('job-1')
  assert.deepEqual(readdirSync(folder), [])
})

test('how a job ended is known: orderly, failed, signalled', async () => {
  using home = tempHome()
  const scheduler = home.scheduler()
  await scheduler.submit(spec(home, 'well', ''))
  await scheduler.submit(spec(home, 'badly', 'console.error("last words"); process.exit(3)'))
  await scheduler.submit(spec(home, 'killed', 'process.kill(process.pid, "SIGKILL")'))
  assert.equal((await ended(scheduler, 'well')).how, 'orderly')
  const badly = await ended(scheduler, 'badly')
  assert.deepEqual([badly.how, badly.reason], ['failed', 'ended with exit code 3'])
  assert.match(await scheduler.tail('badly', 1_000), /last words/)
  assert.deepEqual([(await ended(scheduler, 'killed')).how], ['signalled'])
})

test('many submit the same name: one process starts', async () => {
  using home = tempHome()
  const schedulers = Array.from({ length: 8 }, () => home.scheduler())
  await Promise.all(schedulers.map((each) => each.submit(spec(home, 'one', FOREVER))))
  assert.equal(processesWith('QUBUS_JOB', 'one').length, 1)
  await schedulers[0]?.submit(spec(home, 'one', FOREVER))
  assert.equal(processesWith('QUBUS_JOB', 'one').length, 1)
})

test('a job that could not be started leaves its name free, and says why', async () => {
  using home = tempHome()
  const scheduler = home.scheduler()
  const impossible = spec(home, 'big', FOREVER, { environment: { TOO_BIG: 'x'.repeat(3_000_000) } })
  await assert.rejects(
    scheduler.submit(impossible),
    (error: QubusError) => error.code === 'ALLOCATION_FAILED' && /E2BIG/.test(error.message),
  )
  assert.deepEqual(await scheduler.jobs(), [])
  await scheduler.submit(spec(home, 'big', FOREVER))
  assert.equal((await jobOf(scheduler, 'big')).state, 'running')
})

test('a recycled pid is not mistaken for the job, and not killed', async () => {
  using home = tempHome()
  const stranger = spawn('sleep', ['100'], { env: { QUBUS_HOME: home.path } })
  const identity = identify(stranger.pid as number)
  assert.ok(identity && isAlive(identity))
  for (const wrong of [
    { ...identity, start: '1' },
    { ...identity, boot: 'another boot' },
  ]) {
    assert.equal(isAlive(wrong), false)
    assert.equal(signalExactly(wrong, 'SIGKILL', 'process'), false)
    const name = `old-${wrong.start}`
    jobFiles(home.path).claim({
      name,
      pool: 'cpu',
      kind: 'worker',
      claimedBy: wrong,
      submittedAt: 1,
      startedAt: 1,
      process: wrong,
    })
    const scheduler = home.scheduler()
    await scheduler.cancel(name, { graceSeconds: 1 })
    const job = await ended(scheduler, name)
    assert.equal(job.how, 'cancelled')
  }
  assert.ok(isAlive(identity), 'the stranger lives')
  stranger.kill('SIGKILL')
})

test('a zombie counts as ended', async () => {
  // Its parent never waits for it.
  const parent = spawn('sh', ['-c', 'sleep 0.05 & echo $!; exec sleep 100'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const pid = Number(await new Promise((resolve) => parent.stdout.once('data', resolve)))
  await until('the zombie', () => readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') Z '))
  assert.equal(identify(pid), undefined)
  parent.kill('SIGKILL')
})

test('a claim whose allocator died before it started anything counts as ended, after a moment', async () => {
  using home = tempHome()
  const claimedBy = { pid: 999_999, start: '1', boot: bootId() }
  jobFiles(home.path).claim({
    name: 'stuck',
    pool: 'cpu',
    kind: 'worker',
    claimedBy,
    submittedAt: Date.now(),
  })
  const scheduler = home.scheduler()
  assert.equal((await jobOf(scheduler, 'stuck')).state, 'pending')
  assert.equal((await ended(scheduler, 'stuck')).how, 'vanished')
})

test('a job that nobody here started is watched too: it vanishes', async () => {
  using home = tempHome()
  await home.scheduler().submit(spec(home, 'adopted', FOREVER))
  const other = home.scheduler()
  const { pid } = await jobOf(other, 'adopted')
  process.kill(pid as number, 'SIGKILL')
  assert.ok(['vanished', 'signalled'].includes((await ended(other, 'adopted')).how ?? ''))
})

test('what an ended job left running is ended, and what is not its own is left alone', async () => {
  using home = tempHome()
  const scheduler = home.scheduler()
  const leave = 'require("child_process").spawn("sleep", ["100"], {detached: true, stdio: "ignore"}).unref();'
  await scheduler.submit(spec(home, 'parent', `${leave}${FOREVER}`))
  await scheduler.submit(spec(home, 'parent-2', FOREVER))
  await until('the orphan', () => processesWith('QUBUS_JOB', 'parent').length === 2)
  const { pid } = await jobOf(scheduler, 'parent')
  process.kill(pid as number, 'SIGKILL')
  await ended(scheduler, 'parent')
  assert.equal(processesWith('QUBUS_JOB', 'parent').length, 0)
  assert.equal(processesWith('QUBUS_JOB', 'parent-2').length, 1)
})

test('a job is ended at its walltime, by force if it will not go', async () => {
  using home = tempHome()
  const scheduler = home.scheduler()
  await scheduler.submit(spec(home, 'late', FOREVER, { walltimeSeconds: 1 }))
  const job = await ended(scheduler, 'late')
  assert.equal(job.how, 'walltime')
  await scheduler.submit(
    spec(home, 'stubborn', `process.on("SIGTERM", () => {}); console.log(1); ${FOREVER}`),
  )
  await until('its handler', async () => (await scheduler.tail('stubborn', 10)) !== '')
  await scheduler.cancel('stubborn', { graceSeconds: 0.3 })
  const { how, reason } = await jobOf(scheduler, 'stubborn')
  assert.deepEqual([how, reason], ['cancelled', 'ended by SIGKILL'])
})

test('a log that grows too long is cut, and the job goes on writing to it', async () => {
  using home = tempHome()
  const path = join(home.path, 'a.log')
  const file = openJobLog(path)
  writeFileSync(file, 'old line\n'.repeat(100))
  rotateJobLog(path, 500)
  writeFileSync(file, 'first\nsecond\n')
  assert.equal(readFileSync(path, 'utf8'), 'first\nsecond\n')
  assert.equal(tailJobLog(path, 9), 'second\n')
  assert.equal(readFileSync(`${path}.1`, 'utf8').length, 900)
  assert.equal(tailJobLog(join(home.path, 'none'), 10), '')
})

test('each GPU of the machine belongs to one job at a time', async () => {
  using home = tempHome()
  const scheduler = home.scheduler()
  writeFileSync(join(home.path, 'nvidia-smi'), '#!/bin/sh\necho 0; echo 1; echo 2\n', { mode: 0o755 })
  const script = `console.log(process.env.CUDA_VISIBLE_DEVICES); ${FOREVER}`
  const submit = (name: string, gpus: JobSpec['gpus']) =>
    scheduler.submit(
      spec(home, name, script, {
        gpus,
        environment: { PATH: `${home.path}:${process.env.PATH}`, QUBUS_HOME: home.path },
      }),
    )
  const seen = (name: string) =>
    until(
      `what ${name} sees`,
      async () => (await scheduler.tail(name, 100)).includes('\n') || undefined,
    ).then(async () => (await scheduler.tail(name, 100)).trim())
  const code = (wanted: string) => (error: QubusError) => error.code === wanted
  await Promise.all([submit('one', 1), submit('other', 1)])
  assert.deepEqual([await seen('one'), await seen('other')].sort(), ['0', '1'])
  await assert.rejects(submit('two', 2), code('ALLOCATION_FAILED'))
  await assert.rejects(submit('four', 4), code('ALLOCATION_REFUSED'))
  await submit('none', 0)
  assert.equal(await seen('none'), '')
  await submit('rest', 'auto')
  assert.equal(await seen('rest'), '2')
  const first = await seen('one')
  await scheduler.cancel('one', { graceSeconds: 1 })
  await submit('next', 1)
  assert.equal(await seen('next'), first)
  for (const name of ['other', 'none', 'rest', 'next']) await scheduler.cancel(name, { graceSeconds: 1 })
})
