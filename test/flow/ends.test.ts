/** How steps and runs end that do not simply complete: groups, steps that nobody awaits, time-outs. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { atEndOfFile } from '../support/leaks.ts'
import { tempHome } from '../support/temp-home.ts'
import { until } from '../support/until.ts'
import { actorsForThisFile } from '../support/with-actors.ts'

const actors = await actorsForThisFile({ slots: 4 })
const flows = await actors.flows('surface.ts')
const folder = await tempHome()
atEndOfFile(async () => folder[Symbol.asyncDispose]())
const { client } = actors

const linesOf = (file: string): string[] =>
  existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : []

describe('a group', () => {
  it('waits for all of its steps; when one fails the rest is cancelled, down to what runs, and the first error is thrown', async () => {
    const file = join(folder.path, 'group')
    const run = await flows.request('grouped', { file })
    const { result, error } = await client.outcome(run)
    assert.deepEqual(
      result,
      { done: 5, failed: ['TASK_FAILED', 'the first'], refused: 'CANCELLED', after: 21 },
      JSON.stringify(error),
    )
    assert.deepEqual(linesOf(file), ['begun', 'aborted'])
    const { outcomes } = await actors.history(run)
    const states = outcomes.sort((a, b) => a.step - b.step).map(({ name, state }) => [name, state])
    assert.deepEqual(states.slice(0, 3), [
      ['quick', 'completed'],
      ['quick', 'completed'],
      ['quick', 'completed'],
    ])
    assert.deepEqual(
      states.slice(3).map(([, state]) => state),
      ['cancelled', 'cancelled', 'failed', 'completed'],
    )
  })
})

describe('steps that nobody awaits', () => {
  it('are part of the run: it completes when they have ended, and they are all on record', async () => {
    const file = join(folder.path, 'left')
    const run = await flows.request('leaves-behind', { file })
    const { state, result, seconds, steps } = await client.outcome(run)
    assert.deepEqual([state, result, steps], ['completed', 'returned at once', 2])
    assert.ok(seconds >= 1.5, `it ended after ${seconds} s`)
    assert.deepEqual(linesOf(file), ['begun', 'done'])
    assert.equal((await actors.history(run)).counts.outcome, 2)
  })

  it('are cancelled when the flow throws', async () => {
    const file = join(folder.path, 'thrown')
    const run = await flows.request('throws-behind', { file })
    const { state, error } = await client.outcome(run)
    assert.deepEqual([state, error?.code, error?.message], ['failed', 'FLOW_FAILED', 'on purpose'])
    await until('the step to be told', () => linesOf(file).at(-1) === 'aborted')
    const { outcomes } = await actors.history(run)
    assert.deepEqual(
      outcomes.map((each) => each.state),
      ['completed', 'cancelled'],
    )
  })
})

describe('a time-out', { concurrency: true }, () => {
  it('of the run ends it as RUN_TIMEOUT and cancels what runs', async () => {
    const file = join(folder.path, 'slow')
    const run = await flows.request('slow', { file })
    const { state, error, seconds } = await client.outcome(run)
    assert.deepEqual([state, error?.code], ['failed', 'RUN_TIMEOUT'])
    assert.match(error?.message ?? '', /longer than its 1\.5 s/)
    assert.ok(seconds >= 1.5)
    await until('the task to be told', () => linesOf(file).at(-1) === 'aborted')
    assert.equal((await actors.history(run)).outcomes[0]?.state, 'cancelled')
  })

  it("of the request counts before the flow's own", async () => {
    const file = join(folder.path, 'sooner')
    const { error } = await flows.run('slow', { file }, { timeoutSeconds: 0.5 })
    assert.match(error?.message ?? '', /longer than its 0\.5 s/)
    const longer = await flows.run('leaves-behind', { file }, { timeoutSeconds: 60 })
    assert.equal(longer.state, 'completed')
  })

  it('of a step ends each attempt, and the last one fails the step', async () => {
    const file = join(folder.path, 'slow-step')
    const run = await flows.request('slow-step', { file, retries: 1 })
    const { state, error } = await client.outcome(run)
    assert.deepEqual([state, error?.code], ['failed', 'TIMEOUT'])
    const { attempts } = await actors.history(run)
    assert.deepEqual(
      attempts.map(({ attempt, error: { code } }) => [attempt, code]),
      [
        [1, 'TIMEOUT'],
        [2, 'TIMEOUT'],
      ],
    )
    assert.deepEqual(linesOf(file), ['begun', 'aborted', 'begun', 'aborted'])
  })
})
