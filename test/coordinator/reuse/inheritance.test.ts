import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { StepOutcome } from '#shared/contract/step-record.ts'
import { record } from '#shared/contract/subjects.ts'
import { encode } from '#shared/wire/message.ts'
import { Inheritance } from '../../../services/coordinator/reuse/inheritance.ts'
import type { RunStore } from '../../../services/coordinator/run-store.ts'

type Past = Partial<StepOutcome> & { step: number; digest: string }

/** The log of `before`, with these outcomes in this order. */
function logOf(outcomes: Past[]): RunStore {
  const stored = outcomes.map(({ step, ...rest }, i) => {
    const outcome = {
      kind: 'task',
      name: 'x',
      state: 'completed',
      attempt: 1,
      writer: 'w',
      node: 'n',
      queuedAt: 0,
      startedAt: 0,
      endedAt: 0,
      ...rest,
    }
    return {
      subject: record('before').outcome(step),
      sequence: i + 1,
      time: '',
      data: encode(outcome),
      headers: undefined,
    } as never
  })
  const all = stored as { subject: string }[]
  return {
    create: () => assert.fail('an inheritance writes nothing'),
    last: async (...subjects) => all.filter(({ subject }) => subjects.includes(subject)) as never,
    async *read() {
      for (const each of all) yield [each] as never
    },
  }
}

const inherit = (outcomes: Past[], { after = 0, upTo = Number.POSITIVE_INFINITY, same = false } = {}) =>
  Inheritance.read(logOf(outcomes), { run: 'before', after, upTo }, same)

describe('what a run takes over', () => {
  it('is what completed with the same name and arguments, once', async () => {
    const from = await inherit([{ step: 1, digest: 'a' }])
    assert.equal((await from.take('a'))?.step, 1)
    assert.equal(await from.take('a'), undefined)
    assert.equal(await from.take('b'), undefined)
  })

  it('of steps that are alike goes by their numbers, whatever the order in which they ended', async () => {
    const from = await inherit([
      { step: 9, digest: 'a' },
      { step: 2, digest: 'a' },
      { step: 4, digest: 'a' },
    ])
    const steps = [await from.take('a'), await from.take('a'), await from.take('a')].map((each) => each?.step)
    assert.deepEqual(steps, [2, 4, 9])
  })

  it('is nothing that failed or was cancelled', async () => {
    const from = await inherit([
      { step: 1, digest: 'a', state: 'failed' },
      { step: 2, digest: 'b', state: 'cancelled' },
    ])
    assert.deepEqual([await from.take('a'), await from.take('b')], [undefined, undefined])
  })

  it('is what the last attempt had, nothing older and nothing newer', async () => {
    const outcomes = [1, 2, 3, 4, 5].map((step) => ({ step, digest: `d${step}` }))
    const from = await inherit(outcomes, { after: 2, upTo: 4 })
    const taken = await Promise.all(outcomes.map(({ digest }) => from.take(digest)))
    assert.deepEqual(
      taken.map((each) => each?.step),
      [undefined, undefined, 3, 4, undefined],
    )
  })

  it('is a failed sub-flow as something to go on from, not as an outcome', async () => {
    const from = await inherit([
      { step: 7, digest: 'f', kind: 'flow', state: 'failed' },
      { step: 3, digest: 'f', kind: 'flow', state: 'failed' },
      { step: 4, digest: 't', kind: 'task', state: 'failed' },
    ])
    assert.equal(await from.take('f'), undefined)
    assert.deepEqual(
      [
        from.takeFailedFlow('f'),
        from.takeFailedFlow('f'),
        from.takeFailedFlow('f'),
        from.takeFailedFlow('t'),
      ],
      [3, 7, undefined, undefined],
    )
  })
})

describe('a vQPU', () => {
  const vqpu: Past = { step: 1, digest: 'v', kind: 'vqpu', device: 'before-vqpu-1' }
  const drain: Past = { step: 2, digest: 'd', kind: 'drain', name: 'drain before-vqpu-1' }

  it('lives on in the next attempt of its run', async () => {
    assert.equal((await (await inherit([vqpu], { same: true })).take('v'))?.step, 1)
  })

  it('that was drained is launched anew, and drained anew', async () => {
    const from = await inherit([vqpu, drain], { same: true })
    assert.deepEqual([await from.take('v'), await from.take('d')], [undefined, undefined])
  })

  it('of another run is never taken over', async () => {
    assert.equal(await (await inherit([vqpu])).take('v'), undefined)
  })
})
