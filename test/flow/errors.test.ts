/** What a flow's `catch` sees of an error that was thrown in another process: on the first run, and on a replay. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { codeOf } from '#shared/contract/errors.ts'
import { until } from '../support/until.ts'
import { actorsForThisFile } from '../support/with-actors.ts'

const actors = await actorsForThisFile()
const flows = await actors.flows('errors.ts')
const { client } = actors

type Seen = {
  name: string
  message: string
  code?: unknown
  own: string[]
  details?: unknown
  ours: [step: boolean, terminal: boolean]
  at?: string
  cause?: Seen
  errors?: Seen[]
}
type Ways = Record<'task' | 'process' | 'map' | 'child' | 'throwing' | 'effect', Seen>

const ROW = (row: number) => ({
  row,
  at: new Date(86_400_000),
  near: new Set([row - 1, row + 1]),
  look: '[left out: a function]',
})

describe('an error that a flow catches', () => {
  it('has name, code, properties, causes, errors and stack, the same after its coordinator was killed', async () => {
    const run = await flows.request('catches', { goOn: 'go-on' })
    await until('the flow to wait', async () =>
      (await client.inspect(run))?.steps.some((each) => each.kind === 'signal'),
    )
    const [first] = actors.coordinators
    assert.ok(first)
    await actors.kill(first)
    actors.coordinators = [await actors.start('coordinator')]
    await client.signals.set('go-on')
    const { state, result, error } = await client.outcome(run)
    assert.equal(state, 'completed', JSON.stringify(error))
    const all = result as Record<string, Ways>

    for (const way of ['task', 'process', 'map', 'child', 'throwing', 'effect'] as const) {
      const own = all['own class']?.[way] as Seen
      assert.deepEqual([own.name, own.code, own.details], ['NoSuchRow', 'E_ROW', ROW(7)], way)
      assert.match(own.message, way === 'child' || way === 'throwing' ? /failed: no row 7$/ : /^no row 7$/)
      assert.deepEqual(own.ours, [true, false])
      assert.match(own.at ?? '', /^errors\.ts:1\d$/)
      assert.deepEqual([own.cause?.name, own.cause?.message], ['TypeError', 'not a table'])
      assert.deepEqual(own.cause?.cause, { status: 404 })

      const several = all['several']?.[way] as Seen
      assert.equal(several.name, 'AggregateError')
      assert.deepEqual(
        several.errors?.map(({ name, message, details }) => [name, message, details]),
        [
          ['NoSuchRow', 'no row 1', ROW(1)],
          ['RangeError', 'far', undefined],
        ],
      )

      const hopeless = all['hopeless']?.[way] as Seen
      assert.deepEqual([hopeless.name, hopeless.code], ['Hopeless', 'TERMINAL'])
      assert.deepEqual(hopeless.ours, [false, true])

      const node = all['of Node']?.[way] as Seen
      assert.deepEqual([node.name, node.code], ['Error', 'ECONNREFUSED'])
      assert.deepEqual(node.own, ['code', 'errno', 'facts', 'name', 'port'])

      const plain = all['plain']?.[way] as Seen
      assert.deepEqual([plain.name, plain.code], ['Error', 'TASK_FAILED'])
    }
  })

  it('and lets through is the error of the run, for whoever waits for it', async () => {
    const run = await flows.request('child', { how: 'own class' })
    const { error } = await client.outcome(run)
    assert.deepEqual([error?.code, error?.name, error?.message], ['TASK_FAILED', 'NoSuchRow', 'no row 7'])
    assert.match(error?.stack ?? '', /fixtures\/flows\/errors\.ts:1\d/)
    await assert.rejects(client.result(run), (thrown: Error & { details?: unknown }) => {
      assert.deepEqual([thrown.name, thrown.details], ['NoSuchRow', ROW(7)])
      assert.deepEqual([(thrown as { code?: unknown }).code, codeOf(thrown)], ['E_ROW', 'TASK_FAILED'])
      return true
    })
    const own = await client.outcome(await flows.request('throwing', { how: 'own class' }))
    assert.deepEqual([own.error?.code, own.error?.name], ['FLOW_FAILED', 'NoSuchRow'])
  })
})
