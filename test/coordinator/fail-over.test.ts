import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { TimerRecord } from '#shared/contract/step-record.ts'
import { record } from '#shared/contract/subjects.ts'
import { decode } from '#shared/wire/message.ts'
import { atEndOfFile } from '../support/leaks.ts'
import { tempHome } from '../support/temp-home.ts'
import { until } from '../support/until.ts'
import { actorsForThisFile, type History } from '../support/with-actors.ts'

const actors = await actorsForThisFile()
const flows = await actors.flows('long.ts')
const folder = await tempHome()
atEndOfFile(async () => folder[Symbol.asyncDispose]())

const N = 250
const EXACT = { sum: N * (N - 1), children: [-2, -4] }

/** Asks for the work and waits until it is well under way. */
async function beginWork(name: string): Promise<{ run: string; executed(): string[] }> {
  const file = join(folder.path, name)
  const run = await flows.request('work', { n: N, file })
  await until('the work to be under way', async () => ((await actors.history(run)).counts.outcome ?? 0) >= 30)
  return { run, executed: () => readFileSync(file, 'utf8').trim().split('\n') }
}

async function assertExact(run: string): Promise<History> {
  const { state, result, error, steps } = await actors.client.outcome(run)
  assert.deepEqual([state, result, steps], ['completed', EXACT, N + 2], JSON.stringify(error))
  const history = await actors.history(run)
  assert.deepEqual(
    history.outcomes.map((each) => each.step).sort((a, b) => a - b),
    Array.from({ length: N + 2 }, (_, i) => i + 1),
  )
  assert.equal(history.counts.completed, 1)
  return history
}

function holder(run: string): Promise<string> {
  return until(`${run} to be held`, async () => (await actors.client.inspect(run))?.coordinator)
}

async function writerOf(run: string): Promise<string | undefined> {
  const found = await actors.client.find(run)
  return found?.state === 'ended' ? found.completed.writer : undefined
}

describe('a run goes on', () => {
  it('when its coordinator is killed: exact, nothing executed twice, retries and sleeps due when they were', async () => {
    const [first] = actors.coordinators
    assert.ok(first)
    const [retries, naps] = await Promise.all([
      flows.request('retries', { delay: 13 }),
      flows.request('naps', { seconds: 13 }),
    ])
    await until('the attempt and the timer to be recorded', async () => {
      const both = await Promise.all([actors.history(retries), actors.history(naps)])
      return both[0].counts.attempt === 1 && both[1].counts.timer === 1
    })
    const { run, executed } = await beginWork('coordinator')
    const [held, queued] = [await flows.request('naps', { seconds: 600 }), 'queued-then-cancelled']
    await holder(held)
    await actors.kill(first)
    await flows.request('naps', { seconds: 600 }, { run: queued })
    for (const each of [held, queued]) await actors.client.cancel(each, 'while nobody coordinates')
    actors.coordinators = [await actors.start('coordinator')]
    await until('a take-over', async () => {
      return (await actors.client.inspect(retries)) ?? (await actors.history(retries)).counts.completed
    })
    const takenOverAt = Date.now()
    for (const each of [held, queued]) {
      const { state, error } = await actors.client.outcome(each)
      assert.deepEqual([state, error?.message], ['cancelled', 'while nobody coordinates'])
    }
    await assertExact(run)
    assert.equal(executed().length, N + 2)
    assert.equal(new Set(executed()).size, N + 2)

    assert.equal((await actors.client.outcome(retries)).result, 'the second time')
    const { attempts, outcomes } = await actors.history(retries)
    const waited = (outcomes[0]?.startedAt ?? 0) - (attempts[0]?.storedAt ?? 0)
    assert.ok(
      waited >= 13_000 && (outcomes[0]?.startedAt ?? 0) < takenOverAt + 13_000,
      `the retry began after ${waited} ms`,
    )
    assert.equal((await actors.client.outcome(naps)).state, 'completed')
    const nap = await actors.history(naps)
    const timer = nap.stored.find((each) => each.subject === record(naps).timer(1))
    const { dueAt } = decode(TimerRecord, timer?.data ?? new Uint8Array())
    const wokeAt = nap.outcomes[0]?.endedAt ?? 0
    assert.ok(
      wokeAt >= dueAt && wokeAt < takenOverAt + 13_000,
      `it slept until ${wokeAt - dueAt} ms after it was due`,
    )
  })

  it('when its coordinator is frozen past its lease and comes back', async () => {
    const [frozen] = actors.coordinators
    assert.ok(frozen)
    const { run } = await beginWork('frozen')
    const before = await holder(run)
    frozen.kill('SIGSTOP')
    const other = await actors.start('coordinator')
    await until('another to take over', async () => {
      const now = (await actors.client.inspect(run))?.coordinator
      return (now !== undefined && now !== before) || (await actors.history(run)).counts.completed
    })
    frozen.kill('SIGCONT')
    const { counts } = await assertExact(run)
    assert.equal(counts.lost, undefined)
    await until('the one that was frozen to let go', () => frozen.log().includes('the lease was missed'))
    // Both still serve.
    actors.coordinators = [frozen, other]
    const more = await Promise.all(Array.from({ length: 40 }, () => flows.run('naps', { seconds: 0.1 })))
    assert.ok(more.every((each) => each.state === 'completed'))
    const writers = await Promise.all(more.map((each) => writerOf(each.run)))
    assert.equal(new Set(writers).size, 2)
  })

  it('at once when its coordinator is told to stop, in another', async () => {
    const [stopped, other] = actors.coordinators
    assert.ok(stopped && other)
    const { run, executed } = await beginWork('stopped')
    await actors.kill(stopped, 'SIGTERM')
    assert.equal(stopped.exitCode, 0, stopped.log())
    actors.coordinators = [other]
    await assertExact(run)
    assert.equal(executed().length, N + 2)
  })

  it('when the broker is killed and started again', async () => {
    const { run, executed } = await beginWork('broker')
    await actors.broker.kill()
    await actors.broker.restart()
    await assertExact(run)
    assert.equal(new Set(executed()).size, N + 2)
  })

  it('when the broker is killed while it and others are being accepted', async () => {
    const runs = await Promise.all(Array.from({ length: 60 }, () => flows.request('naps', { seconds: 0.1 })))
    await actors.broker.kill()
    await actors.broker.restart()
    const outcomes = await Promise.all(runs.map((run) => actors.client.outcome(run)))
    assert.deepEqual(new Set(outcomes.map((each) => each.state)), new Set(['completed']))
    for (const run of runs)
      assert.deepEqual((await actors.history(run)).counts, {
        requested: 1,
        timer: 1,
        outcome: 1,
        completed: 1,
      })
  })
})
