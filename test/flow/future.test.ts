import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { TaskFuture } from '#shared/flow/future.ts'
import type { FlowContext, StepSink } from '#shared/flow/runtime.ts'

/** A run of which only the promises matter. */
function world() {
  const sinks: StepSink[] = []
  const looked: number[] = []
  const flow = {
    run: 'run',
    ask: (_request: unknown, sink: StepSink) => sinks.push(sink),
    observed: (step: number) => void looked.push(step),
  } as unknown as FlowContext
  const ask = () => TaskFuture.request<string>(flow, { kind: 'task', name: 'x', value: 1, policy: {} })
  return { ask, sinks, looked }
}

describe('a future', () => {
  it('is a promise that await and Promise.all take as it is, and that knows when it is looked at', async () => {
    const { ask, sinks, looked } = world()
    const futures = [ask(), ask(), ask()]
    assert.ok(futures.every((each) => each instanceof TaskFuture && each instanceof Promise))
    assert.deepEqual(looked, [])
    assert.equal(Promise.resolve(futures[0]), futures[0])
    const all = Promise.all([futures[0], futures[1]])
    assert.deepEqual([...new Set(looked)], [1, 2])
    const third = (async () => await futures[2])()
    assert.deepEqual([...new Set(looked)], [1, 2, 3])
    for (const [i, sink] of sinks.entries()) sink.resolve(`result ${i}`)
    assert.deepEqual([await all, await third], [['result 0', 'result 1'], 'result 2'])
  })

  it('that fails is not looked at by that, and is nobody’s unhandled rejection', async () => {
    const { ask, sinks, looked } = world()
    const future = ask()
    sinks[0]?.reject(new Error('no'))
    await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual(looked, [])
    await assert.rejects(future, /no/)
    assert.deepEqual([...new Set(looked)], [1])
  })

  it('that is made into another promise makes an ordinary one', async () => {
    const { ask, sinks } = world()
    const further = ask().then((text) => text.length)
    assert.ok(!(further instanceof TaskFuture))
    sinks[0]?.resolve('four')
    assert.equal(await further, 4)
  })
})
