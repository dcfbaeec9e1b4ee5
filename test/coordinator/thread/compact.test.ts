import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { StepPolicy } from '#shared/flow/runtime.ts'
import { gatherAlike } from '../../../services/coordinator/thread/compact.ts'
import type { WantedRange, WantedStep } from '../../../services/coordinator/thread/protocol.ts'
import { valueAt } from '../../../services/coordinator/thread/range.ts'

const policy: StepPolicy = {}

function wanted(first: number, count: number, more: Partial<WantedStep> = {}): WantedStep[] {
  return Array.from({ length: count }, (_, i) => ({
    step: first + i,
    kind: 'task' as const,
    name: 'square',
    digest: `digest ${first + i}`,
    value: Uint8Array.from({ length: (i % 3) + 1 }, () => first + i),
    policy,
    ...more,
  }))
}

const shapeOf = (gathered: ReturnType<typeof gatherAlike>): string[] =>
  gathered.map((each) =>
    Array.isArray(each) ? `${each.map(({ step }) => step)}` : `${each.first}+${each.count} ${each.name}`,
  )

describe('steps that were asked for in one go', () => {
  it('become a range where many are alike but for their values', () => {
    const steps = wanted(1, 40)
    const [range, ...more] = gatherAlike(steps)
    assert.equal(more.length, 0)
    const { first, count, bytes, ends, apart } = range as WantedRange
    assert.deepEqual([first, count, apart], [1, 40, true])
    const packed = { bytes, ends: new Uint32Array(ends.buffer) }
    assert.deepEqual(
      steps.map((_, i) => [...valueAt(packed, i)]),
      steps.map(({ value }) => [...value]),
    )
  })

  it('stay in their order, those that are few or not alike one by one', () => {
    const steps = [
      ...wanted(1, 3),
      ...wanted(4, 20, { name: 'cube' }),
      ...wanted(24, 20, { kind: 'circuit' }),
      ...wanted(44, 20, { label: 'named' }),
      ...wanted(64, 20),
      // Made anew for each use, as with(…) does.
      ...wanted(84, 10, { policy: { retries: 1 } }),
      ...wanted(94, 10, { policy: { retries: 1 } }),
      // A map came in between.
      ...wanted(204, 2, { policy: { retries: 1 } }),
    ]
    const apart = (first: number, count: number): string =>
      `${Array.from({ length: count }, (_, i) => first + i)}`
    assert.deepEqual(shapeOf(gatherAlike(steps)), [
      '1,2,3',
      '4+20 cube',
      apart(24, 40),
      '64+20 square',
      '84+20 square',
      '204,205',
    ])
    assert.deepEqual(gatherAlike([]), [])
  })
})
