import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decodeValue } from '#shared/wire/value.ts'
import { PendingStep } from '../../../services/coordinator/steps/pending-step.ts'
import { StepRange } from '../../../services/coordinator/steps/step-range.ts'
import { StepSet } from '../../../services/coordinator/steps/step-set.ts'
import { packValues } from '../../../services/coordinator/thread/range.ts'
import { stepDigest } from '../../../services/coordinator/thread/step-digest.ts'

type Options = { count?: number; concurrency?: number; over?: number[]; notNow?: number[] }

/** Steps 5, 6, …, whose values are 0, 1, … */
function open({ count = 5, concurrency, over = [], notNow = [] }: Options = {}) {
  const { bytes, ends } = packValues(
    Array.from({ length: count }, (_, i) => [i]),
    'test',
  )
  const ended = new StepSet()
  for (const step of over) ended.add(step)
  const range = new StepRange(
    {
      first: 5,
      count,
      kind: 'task',
      name: 'square',
      policy: {},
      bytes,
      ends: new Uint8Array(ends.buffer),
      concurrency,
    },
    (wanted) => (notNow.includes(wanted.step) ? undefined : new PendingStep(wanted, 0, () => {})),
    (step) => ended.has(step),
  )
  const end = (step: number): void => {
    ended.add(step)
    range.ended()
  }
  const next = (most = 100): number[] => {
    const steps: number[] = []
    for (let step = range.next(); step !== undefined; step = range.next()) {
      steps.push(step.step)
      if (steps.length === most) break
    }
    return steps
  }
  return { range, next, end }
}

describe('a range', () => {
  it('gives its steps in order, each with its own value and digest', () => {
    const { range } = open()
    for (let i = 0; i < 5; i++) {
      const step = range.next()
      assert.ok(step)
      assert.equal(step.step, 5 + i)
      assert.deepEqual(decodeValue(step.value), [i])
      assert.equal(step.digest, stepDigest('task', 'square', step.value))
      assert.equal(range.size, 4 - i)
    }
    assert.equal(range.next(), undefined)
  })

  it('reads ends that do not lie at a multiple of four bytes', () => {
    const { bytes, ends } = packValues([1, 2, 3], 'test')
    const shifted = new Uint8Array(1 + ends.byteLength)
    shifted.set(new Uint8Array(ends.buffer), 1)
    const wanted = { first: 1, count: 3, kind: 'task', name: 'x', policy: {}, bytes } as const
    const range = new StepRange(
      { ...wanted, ends: shifted.subarray(1) },
      (each) => new PendingStep(each, 0, () => {}),
      () => false,
    )
    assert.deepEqual(
      [range.next(), range.next(), range.next()].map((step) => decodeValue(step?.value as Uint8Array)),
      [1, 2, 3],
    )
  })

  it('leaves out what has an outcome', () => {
    const { next } = open({ over: [5, 7, 9] })
    assert.deepEqual(next(), [6, 8])
  })

  it('gives no more at once than its concurrency, and goes on as they end', () => {
    const { range, next, end } = open({ concurrency: 2 })
    range.queued = true
    assert.deepEqual(next(), [5, 6])
    assert.equal(range.queued, false, 'it asks for a turn again when one has ended')
    end(6)
    assert.deepEqual(next(), [7])
    end(5)
    end(7)
    assert.deepEqual(next(), [8, 9])
  })

  it('counts a step that is not for the queue now as one under way', () => {
    const { next, end } = open({ concurrency: 2, notNow: [5] })
    assert.deepEqual(next(), [6])
    end(5)
    assert.deepEqual(next(), [7])
  })

  it('that is stopped gives nothing more, and counts what has or may still have an outcome', () => {
    const { range, next } = open({ count: 6, over: [5, 9] })
    assert.deepEqual(next(1), [6])
    // 5 is over, 6 was given, 9 is over: 7, 8 and 10 will never be.
    assert.equal(range.stop(), 3)
    assert.deepEqual(next(), [])
    assert.deepEqual([range.size, range.stopped], [0, true])
  })

  it('shows those that wait for their turn', () => {
    const { range, next } = open({ over: [8] })
    next(2)
    assert.deepEqual(
      [...range.waiting()].map(({ step }) => step),
      [7, 9],
    )
  })

  it('gives one out that is taken before its turn, and only then', () => {
    const { range, next } = open({ over: [8] })
    next(1)
    assert.deepEqual([range.take(5), range.take(8)], [undefined, undefined])
    const taken = range.take(7)
    assert.deepEqual([taken?.step, decodeValue(taken?.value as Uint8Array)], [7, [2]])
    assert.equal(range.take(7), undefined)
    assert.equal(range.size, 3)
    assert.deepEqual(
      [...range.waiting()].map(({ step }) => step),
      [6, 9],
    )
    assert.deepEqual(next(), [6, 9])
    assert.equal(range.size, 0)
  })

  it('knows which steps are its own', () => {
    const { range } = open()
    assert.deepEqual(
      [4, 5, 9, 10].map((step) => range.has(step)),
      [false, true, true, false],
    )
  })
})
