import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { readLast } from '#shared/bus/direct.ts'
import { RequestedRecord } from '#shared/contract/run-record.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { record } from '#shared/contract/subjects.ts'
import { decode } from '#shared/wire/message.ts'
import { decodeValue } from '#shared/wire/value.ts'
import { tempHome } from '../support/temp-home.ts'
import { actorsForThisFile } from '../support/with-actors.ts'

const actors = await actorsForThisFile({ pools: ['generic', 'cpu'], slots: 4 })
const flows = await actors.flows('steps.ts')

async function resultOf(flow: string, params?: unknown): Promise<unknown> {
  const { state, result, error } = await flows.run(flow, params)
  assert.equal(state, 'completed', JSON.stringify(error))
  return result
}

describe('a flow is ordinary code', { concurrency: true }, () => {
  it('awaits its steps in a loop', async () => {
    assert.equal(await resultOf('awaits'), 30)
  })

  it('may use all promise combinators', async () => {
    assert.deepEqual(await resultOf('combinators'), {
      all: [2, 4, 'plain'],
      race: 'fast',
      any: 8,
      settled: [10, 'broken'],
    })
  })

  it('maps in the order of the items with at most as many at once as it says', async () => {
    const spans = (await resultOf('maps', { n: 12, concurrency: 3 })) as {
      i: number
      from: number
      to: number
    }[]
    assert.deepEqual(
      spans.map((each) => each.i),
      Array.from({ length: 12 }, (_, i) => 12 - i),
    )
    const most = Math.max(
      ...spans.map(({ from }) => spans.filter((other) => other.from <= from && from < other.to).length),
    )
    assert.ok(most <= 3, `${most} ran at once`)
    assert.ok(most > 1, 'nothing ran at the same time')
  })

  it('runs sub-flows as runs of their own, with their result, pool and failure', async () => {
    const run = await flows.request('parent')
    const { result } = await actors.client.outcome(run)
    const { own, there, step, error } = result as {
      own: unknown
      there: unknown
      step: number
      error: Record<string, string>
    }
    assert.deepEqual(own, { value: 2, pool: 'generic' })
    assert.deepEqual(there, { value: 4, pool: 'cpu' })
    assert.deepEqual((await actors.client.outcome(`${run}-${step}`)).result, there)
    assert.match(error.message ?? '', /sub-flow "child" \(run .*\) failed: the disk is full/)
    assert.equal(error.cause, 'the reason below')
  })

  it('is tried again as a whole: what completed is not done again, and chance is the same', async () => {
    for (const name of ['flaky', 'flaky-child']) {
      await using home = await tempHome()
      const run = await flows.request(name, { folder: home.path })
      const { state, result, error } = await actors.client.outcome(run)
      assert.equal(state, 'completed', JSON.stringify(error))
      const { many, tries, chance } = result as { many: number[]; tries: number; chance: unknown[] }
      assert.deepEqual([many, tries, chance.length], [[2, 4, 6], 3, 2])
      assert.equal(readFileSync(`${home.path}/once`, 'utf8'), 'x')
      const tried = name === 'flaky' ? run : `${run}-1`
      const { outcomes, counts } = await actors.history(tried)
      assert.equal(counts['flow-attempt'], 2)
      // 1 counted, 3 doubled and 1 that failed; then twice the 4 that are taken over and one more.
      assert.deepEqual(
        outcomes.map(({ step, from }) => [step, from?.how]).sort(([a], [b]) => Number(a) - Number(b)),
        Array.from({ length: 15 }, (_, i) => [i + 1, i > 4 && i % 5 < 4 ? 'resumed' : undefined]),
      )
      assert.deepEqual(await actors.logs(tried, 0), ['begins', 'begins', 'begins'])
      assert.equal((await actors.client.outcome(tried)).steps, 15)
    }
  })

  it('sees of a future what the log has delivered, and can cancel one alone', async () => {
    assert.deepEqual(await resultOf('futures'), {
      queued: 'queued',
      value: 6,
      done: 'completed',
      failed: 'failed',
      cancelled: 'CANCELLED',
      state: 'cancelled',
    })
  })

  it('is not failed by a step that it cancelled itself and never looked at', async () => {
    assert.equal(await resultOf('cancels-unseen'), 2)
  })

  it('names runs and steps from its templates', async () => {
    const run = await flows.request('named', { who: 'Ada' })
    assert.equal((await actors.client.outcome(run)).result, 'hello Ada')
    const requested = await readLast(actors.bus.nc, STREAM.runs, record(run).requested)
    assert.equal(decode(RequestedRecord, requested?.data ?? new Uint8Array()).name, 'named-Ada-{more}')
    const { outcomes } = await actors.history(run)
    assert.equal(outcomes[0]?.label, 'greets Ada {"who":"Ada"}')
  })
})

describe('input', { concurrency: true }, () => {
  it("is given the schema's defaults", async () => {
    assert.deepEqual(await resultOf('checked', { n: 2 }), { n: 2, label: 'none' })
  })

  it('that does not fit ends the run as INVALID_INPUT before any step', async () => {
    const run = await flows.request('checked', { n: 0.5 })
    const { state, error, steps } = await actors.client.outcome(run)
    assert.deepEqual([state, error?.code, steps], ['failed', 'INVALID_INPUT', 0])
    assert.match(error?.message ?? '', /\bn\b/)
    assert.deepEqual((await actors.history(run)).counts, { requested: 1, completed: 1 })
  })

  it('for a flow that is not there ends as UNKNOWN_FLOW', async () => {
    assert.equal((await flows.run('nobody')).error?.code, 'UNKNOWN_FLOW')
  })
})

describe('values', { concurrency: true }, () => {
  it('come back from a task as they were given', async () => {
    const value = (await resultOf('values')) as { twice: unknown[] }
    assert.deepEqual(value, {
      date: new Date(86_400_000),
      map: new Map<unknown, unknown>([
        ['a', 1],
        [2, new Set(['x'])],
      ]),
      set: new Set([1, 2, 3]),
      big: 2n ** 60n,
      floats: new Float64Array([1.5, -0, Number.NaN]),
      bytes: new Uint8Array([0, 255]),
      nothing: undefined,
      nil: null,
      infinite: Number.POSITIVE_INFINITY,
      text: 'ünïcödé \u{1F9EA}\n',
      twice: [{ same: true }, { same: true }],
    })
    assert.equal(value.twice[0], value.twice[1], 'one object became two')
  })

  it('of several megabytes travel through arguments, results and the end of the run', async () => {
    const { back, sum } = (await resultOf('large', { megabytes: 5 })) as { back: Uint8Array; sum: number }
    assert.equal(back.length, 5 * 1024 * 1024)
    assert.equal(
      sum,
      back.reduce((total, each) => total + each, 0),
    )
    assert.equal(back[1000], 1000 % 251)
  })

  it('that cannot travel end the run with the path to them', async () => {
    const { state, error } = await flows.run('returns-function')
    assert.deepEqual([state, error?.code], ['failed', 'UNENCODABLE'])
    assert.match(error?.message ?? '', /\.deep\[0\]/)
  })
})

describe('a run', { concurrency: true }, () => {
  it('waits for steps that nobody awaited', async () => {
    const run = await flows.request('forgets', { fail: false })
    assert.equal((await actors.client.outcome(run)).result, 'returned at once')
    assert.deepEqual(
      (await actors.history(run)).outcomes.map((each) => each.state),
      ['completed'],
    )
  })

  it('fails when a step failed that nobody awaited', async () => {
    const { state, error } = await flows.run('forgets', { fail: true })
    assert.deepEqual([state, error?.code], ['failed', 'UNHANDLED_REJECTION'])
    assert.match(error?.message ?? '', /step 1 .*nobody looked/)
  })

  it('fails with what its flow threw', async () => {
    const { state, error } = await flows.run('throws')
    assert.deepEqual(
      [state, error?.code, error?.name, error?.message],
      ['failed', 'FLOW_FAILED', 'TypeError', 'not today'],
    )
    assert.match(error?.stack ?? '', /fixtures\/flows\/steps\.ts:\d+/)
  })

  it('keeps log lines of flow, task, console and side effect, each once and in order', async () => {
    const run = await flows.request('talks')
    await actors.client.outcome(run)
    const lines = await actors.logs(run)
    assert.deepEqual([...lines].sort(), [
      'at the end',
      'console line',
      'from a side effect',
      'from the flow',
      'log line',
    ])
    assert.deepEqual(await actors.logs(run, 0), ['from the flow', 'at the end'])
    assert.deepEqual(await actors.logs(run, 1), ['console line', 'log line'])
  })

  it('keeps artifacts of flow and task with the outcome of their step', async () => {
    const run = await flows.request('leaves')
    await actors.client.outcome(run)
    const { outcomes } = await actors.history(run)
    const kept = outcomes.map(({ artifacts = [] }) =>
      artifacts.map(({ key, type, payload }) => [
        key,
        type,
        'inline' in payload && decodeValue(payload.inline),
      ]),
    )
    assert.deepEqual(kept, [
      [['notes', 'markdown', '# from the flow']],
      [
        ['rows', 'table', [{ a: 1 }, { a: 2 }]],
        ['paper', 'link', { href: 'https://example.org', text: 'https://example.org' }],
      ],
    ])
  })

  it('tells a task which step it runs for', async () => {
    const run = await flows.request('contexts')
    const { result } = await actors.client.outcome(run)
    assert.deepEqual(result, {
      run,
      step: 1,
      attempt: 1,
      name: 'tells',
      pool: 'generic',
      idempotencyKey: `${run}.1`,
      aborted: false,
    })
  })

  it('records what a side effect came to, also when it failed', async () => {
    const { pid, failed } = (await resultOf('effects')) as { pid: number; failed: string }
    assert.equal(pid, actors.coordinators[0]?.pid)
    assert.equal(failed, 'outside')
  })

  it('refuses steps inside a side effect, which a replay would not ask for', async () => {
    assert.equal(await resultOf('effects-misused'), 'FORBIDDEN_IN_FLOW')
  })

  it('tries a step again after its delays, under one idempotency key, and never after a TerminalError', async () => {
    const run = await flows.request('retried')
    const { result, error } = await actors.client.outcome(run)
    assert.equal(error, undefined)
    assert.equal((result as unknown[])[1], `${run}.2`)
    const { attempts, outcomes } = await actors.history(run)
    assert.deepEqual(
      attempts.map(({ step, attempt, error }) => [step, attempt, error.code, error.message]),
      [
        [1, 1, 'TERMINAL', 'the key is wrong'],
        [2, 1, 'TASK_FAILED', 'attempt 1'],
        [2, 2, 'TASK_FAILED', 'attempt 2'],
      ],
    )
    assert.equal(outcomes[0]?.error?.facts?.key, 7)
    const [, first, second] = attempts
    assert.ok((second?.startedAt ?? 0) >= (first?.storedAt ?? 0) + 100)
    assert.ok((outcomes[1]?.startedAt ?? 0) >= (second?.storedAt ?? 0) + 200)
  })

  it('sleeps and runs programs', async () => {
    const { seconds, result } = await flows.run('naps', { seconds: 0.3 })
    assert.equal(result, 'rested')
    assert.ok(seconds >= 0.3)
  })
})
