import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { ensureConsumer } from '#shared/bus/consumers.ts'
import { CONSUMER, STREAM } from '#shared/contract/streams.ts'
import { filter } from '#shared/contract/subjects.ts'
import { atEndOfFile } from '../support/leaks.ts'
import { isAlive, processorTicks } from '../support/process-facts.ts'
import { tempHome } from '../support/temp-home.ts'
import { until } from '../support/until.ts'
import { actorsForThisFile } from '../support/with-actors.ts'

const actors = await actorsForThisFile({ slots: 12 })
await ensureConsumer(actors.bus.nc, STREAM.tasks, CONSUMER.tasks('nobody'), filter.poolTasks('nobody'))
const flows = await actors.flows('ends.ts')
const folder = await tempHome()
atEndOfFile(async () => folder[Symbol.asyncDispose]())

/** The process ids that a program of the flows has written. */
function family(file: string): Promise<number[]> {
  return until(
    `${file} to be written`,
    () => existsSync(file) && readFileSync(file, 'utf8').trim().split(' ').map(Number),
  )
}

async function gone(pids: number[]): Promise<void> {
  assert.equal(pids.length, 2)
  await until(`processes ${pids.join(' and ')} to end`, () => !pids.some(isAlive))
}

function place(name: string): string {
  const path = join(folder.path, name)
  mkdirSync(path)
  return path
}

describe('a time-out', { concurrency: true }, () => {
  it('ends an attempt of a task, whose retries fire', async () => {
    const run = await flows.request('slow-task')
    const { state, error } = await actors.client.outcome(run)
    assert.deepEqual([state, error?.code], ['failed', 'TIMEOUT'])
    assert.match(error?.message ?? '', /longer than its 0\.3 s/)
    const { attempts } = await actors.history(run)
    assert.deepEqual(
      attempts.map(({ attempt, error }) => [attempt, error.code]),
      [
        [1, 'TIMEOUT'],
        [2, 'TIMEOUT'],
      ],
    )
    for (const { startedAt, endedAt } of attempts) assert.ok(endedAt - startedAt >= 300)
  })

  it('ends a task that never gives way, and other runs go on', async () => {
    const [busy, quicks] = await Promise.all([flows.run('busy-task'), flows.run('quicks', { n: 50 })])
    assert.equal(busy.error?.code, 'TIMEOUT')
    assert.deepEqual(
      quicks.result,
      Array.from({ length: 50 }, (_, i) => i + 1),
    )
  })

  it('of a program ends its whole process group', async () => {
    const file = join(folder.path, 'timed')
    const { error } = await flows.run('slow-program', { file })
    assert.equal(error?.code, 'TIMEOUT')
    await gone(await family(file))
  })

  it('of a run ends it, with all that it has under way', async () => {
    const file = join(folder.path, 'run')
    const run = await flows.request('slow-run', { file })
    const { state, error } = await actors.client.outcome(run)
    assert.deepEqual([state, error?.code], ['failed', 'RUN_TIMEOUT'])
    const { outcomes } = await until('the outcomes', async () => {
      const history = await actors.history(run)
      return history.outcomes.length === 2 && history
    })
    assert.deepEqual(
      outcomes.map((each) => each.state),
      ['cancelled', 'cancelled'],
    )
    await gone(await family(file))
  })
})

describe('a cancel', { concurrency: true }, () => {
  it('ends whatever a run has: sleeping, queued, retrying and running steps, programs with their children, sub-flows', async () => {
    const dir = place('everything')
    const run = await flows.request('everything', { dir })
    const programs = await Promise.all([family(`${dir}/program`), family(`${dir}/nested`)])
    await until('the task to begin', () => existsSync(`${dir}/task`))
    await until('the busy task to run', async () =>
      (await actors.client.inspect(run))?.steps.some(
        (step) => step.name === 'spins' && step.state === 'running',
      ),
    )
    await until('the flaky task to have failed', async () => (await actors.history(run)).attempts.length)
    assert.equal((await actors.client.cancel(run, 'enough')).cancel, 'asked')
    const { state, error, steps } = await actors.client.outcome(run)
    assert.deepEqual([state, error?.code, error?.message, steps], ['cancelled', 'CANCELLED', 'enough', 7])
    const { outcomes } = await actors.history(run)
    assert.deepEqual(
      outcomes.map((each) => each.state),
      Array(7).fill('cancelled'),
    )
    assert.equal((await actors.client.outcome(`${run}-7`)).state, 'cancelled')
    for (const pids of programs) await gone(pids)
    await until('the task to be told', () => readFileSync(`${dir}/task`, 'utf8') === 'begun\naborted\n')
    assert.equal((await actors.client.cancel(run)).cancel, 'ended')
  })

  it('ends a run whose flow waits for something that is no step', async () => {
    const run = await flows.request('waits-for-nothing')
    await until('its step to be done', async () => (await actors.history(run)).outcomes.length)
    await actors.client.cancel(run)
    assert.equal((await actors.client.outcome(run)).state, 'cancelled')
  })

  it('of one future leaves the others alone', async () => {
    const dir = place('one')
    const asked = flows.request('cancels-one', { dir, seconds: 2 })
    const [one, other] = await Promise.all([family(`${dir}/one`), family(`${dir}/other`)])
    const { result } = await actors.client.outcome(await asked)
    assert.deepEqual(result, ['CANCELLED', 'queued'])
    await gone(one)
    await gone(other)
  })

  it('of tasks that wait in a thread behind a busy one means that they never run', async () => {
    const file = join(folder.path, 'piece')
    const run = await flows.request('piece', { n: 100, file })
    await until('the busy task to run', async () =>
      (await actors.client.inspect(run))?.steps.some((step) => step.step === 201 && step.state === 'running'),
    )
    await until('the others to be done, or to wait behind it', async () => {
      const before = (await actors.history(run)).outcomes.length
      await pause(500)
      return (await actors.history(run)).outcomes.length === before
    })
    const ran = (): number => (existsSync(file) ? readFileSync(file, 'utf8').length / 4 : 0)
    await actors.client.cancel(run)
    await actors.client.outcome(run)
    const before = ran()
    const pid = actors.workers[0]?.pid ?? 0
    await until('the busy thread to be ended', () => isIdle(pid))
    assert.equal(ran(), before)
  })
})

/** Whether none of the worker's threads is in a busy loop any more. */
async function isIdle(pid: number): Promise<boolean> {
  const before = processorTicks(pid)
  await pause(500)
  return processorTicks(pid) - before < 10
}
