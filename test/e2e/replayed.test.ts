/** Runs whose coordinator is killed in their midst see the values, and leave the lines, of a run that nothing happened to. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Bundle, bundleFlowFile } from '#shared/bundle/index.ts'
import { until } from '../support/until.ts'
import { type TestSystem, withSystem } from '../support/with-system.ts'

const FLOWS = fileURLToPath(new URL('../fixtures/flows/replayed.ts', import.meta.url))

class Odd extends Error {
  override name = 'Odd'
  code = 'E_ODD'
}

const SHARED = { same: true }
const VALUE = {
  date: new Date(86_400_001),
  noDate: new Date(Number.NaN),
  map: new Map<unknown, unknown>([
    ['a', new Map([[1, new Set(['deep', 2n])]])],
    [new Date(1), undefined],
  ]),
  set: new Set([1, 'a', null, undefined, Number.NaN]),
  big: [0n, -1n, 2n ** 64n, -(2n ** 200n)],
  arrays: [
    new Uint8Array([0, 255]),
    new Int16Array([-1, 2]),
    new Float32Array([1.5, -0, Number.NaN]),
    new Float64Array([Math.PI, Number.NEGATIVE_INFINITY]),
    new BigInt64Array([-1n]),
    new Uint8ClampedArray([1]),
  ],
  raw: new Uint8Array([1, 2, 3]).buffer,
  view: new DataView(new Uint8Array([4, 5]).buffer),
  numbers: [
    Number.NaN,
    -0,
    0,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    0.1,
    2 ** 53,
    1e308,
    5e-324,
  ],
  nothing: undefined,
  nil: null,
  list: [undefined, null, [], {}, ''],
  text: 'ünïcödé \u{1F9EA}\n\0',
  pattern: /a+/giu,
  error: new Odd('odd', { cause: new RangeError('below') }),
  twice: [SHARED, SHARED],
  nested: { a: [{ b: [new Map([['c', { d: new Set([[-0]]) }]])] }] },
}

// The class of an error stays where it was made.
function assertSame({ error, ...rest }: typeof VALUE, way: string): void {
  const { error: own, ...wanted } = VALUE
  assert.deepStrictEqual(rest, wanted, way)
  assert.equal(rest.twice[0], rest.twice[1], `${way}: one object became two`)
  assert.ok(error instanceof Error)
  assert.deepEqual([error.name, error.message, error.code], [own.name, own.message, own.code])
  assert.ok(error.cause instanceof RangeError)
}

describe('a run whose coordinator was killed', () => {
  let system: TestSystem
  let bundle: Bundle

  before(async () => {
    system = await withSystem()
    bundle = await bundleFlowFile(FLOWS)
  })
  after(() => system[Symbol.asyncDispose]())

  const killCoordinator = async (): Promise<void> => {
    const pid = await system.kill('coordinator')
    await until('another coordinator', async () => {
      const { actors } = await system.client.status()
      return actors.some((each) => each.name === 'coordinator' && each.state === 'ready' && each.pid !== pid)
    })
  }

  test('has on every way the values that it had before: arguments, results, input, sub-flow, effect, signals', async () => {
    const { client } = system
    const run = await client.request({ flow: 'travels', bundle, params: { value: VALUE, goOn: 'go-on' } })
    await until('the flow to wait for the signal from outside', async () => {
      const live = await client.inspect(run).catch(() => undefined)
      return live !== undefined && live.completed >= 8 && live.outstanding === 1
    })
    await killCoordinator()
    await client.signals.set('go-on', VALUE)
    const { state, result, error } = await client.outcome(run)
    assert.equal(state, 'completed', JSON.stringify(error))
    const { all, seen, again, outside } = result as {
      all: Record<string, unknown>
      seen: string
      again: string
      outside: unknown
    }
    const same: Record<string, unknown> = {
      input: VALUE,
      task: VALUE,
      map: [VALUE, VALUE],
      child: [VALUE, VALUE],
      effect: VALUE,
      signal: VALUE,
    }
    assert.deepEqual(Object.keys(all), Object.keys(same))
    for (const [way, value] of Object.entries(same)) {
      const [got, wanted] = [all[way], value].map((each) => [each].flat() as (typeof VALUE)[])
      assert.equal(got?.length, wanted?.length)
      for (const each of got ?? []) assertSame(each, way)
    }
    assertSame(outside as typeof VALUE, 'outside')
    assert.equal(again, seen)
  })

  test('leaves each line of its flow once, and each line of a task once an attempt', async () => {
    const { client } = system
    const n = 40
    const run = await client.request({ flow: 'talks', bundle, params: { n } })
    const reached = (step: number) =>
      until(`step ${step}`, async () => {
        const live = await client.inspect(run).catch(() => undefined)
        return (live?.completed ?? 0) >= step
      })
    for (const step of [5, 15, 30]) {
      await reached(step)
      await killCoordinator()
    }
    const { state, error } = await client.outcome(run)
    assert.equal(state, 'completed', JSON.stringify(error))
    const flowLines = Array.from({ length: n }, (_, i) => [`line ${i}`, `warning ${i}`]).flat()
    const taskLines = Array.from({ length: n }, (_, i) =>
      (i % 10 === 0 ? [1, 2] : [1]).flatMap((attempt) => [
        `task ${i}, attempt ${attempt}`,
        `console ${i}, attempt ${attempt}`,
      ]),
    ).flat()
    const wanted = flowLines.length + 1 + taskLines.length
    const lines = await until('all lines in Postgres', async () => {
      const stored = await client.query('logs', { run, limit: 1000 })
      return stored.lines.length >= wanted && stored.lines
    })
    assert.deepEqual(
      lines.filter(({ step }) => step === 0).map(({ text }) => text),
      [...flowLines, 'the end'],
    )
    assert.deepEqual(
      lines
        .filter(({ step }) => step > 0)
        .map(({ text }) => text)
        .sort(),
      taskLines.sort(),
    )
    assert.equal(lines.length, wanted)
  })
})
