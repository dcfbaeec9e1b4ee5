import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { chunkLimit, holdLimit, meanAfter } from '../../services/worker/pace.ts'

const slots = fc.integer({ min: 1, max: 64 })
const mean = fc.option(fc.double({ min: 0, max: 1e7, noNaN: true }), { nil: undefined })

describe('how much a worker holds', () => {
  it('is at least its slots and at most what one question to the log covers', () => {
    fc.assert(
      fc.property(slots, mean, (count, ms) => {
        const limit = holdLimit(count, ms)
        assert.ok(limit >= count && limit <= 800, String(limit))
      }),
    )
  })

  it('is no more than what runs when tasks are long, or nobody knows, so that an idle worker finds the rest', () => {
    assert.equal(holdLimit(4, 60_000), 4)
    assert.equal(holdLimit(4, undefined), 4)
  })

  it('is nothing where nothing can run', () => {
    assert.equal(holdLimit(0, 1), 0)
  })

  it('is some tenth of a second of work when tasks are short', () => {
    assert.equal(holdLimit(2, 1), 2 + 200)
    assert.ok(holdLimit(2, 2) < holdLimit(2, 1))
  })

  it('never shrinks when tasks get shorter', () => {
    fc.assert(
      fc.property(
        slots,
        fc.double({ min: 0, max: 1e4, noNaN: true }),
        fc.double({ min: 0, max: 1e4, noNaN: true }),
        (count, a, b) => {
          assert.ok(holdLimit(count, Math.min(a, b)) >= holdLimit(count, Math.max(a, b)))
        },
      ),
    )
  })
})

describe('how much a thread is given at once', () => {
  it('is one task while nobody knows how long it takes', () => {
    assert.equal(chunkLimit(undefined, 1000, 2), 1)
  })

  it('is one task when it is long', () => {
    assert.equal(chunkLimit(20, 1000, 2), 1)
  })

  it('is a share that leaves the other slots theirs', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1e5, noNaN: true }),
        fc.integer({ min: 0, max: 5000 }),
        slots,
        (ms, queued, count) => {
          const limit = chunkLimit(ms, queued, count)
          assert.ok(limit >= 1 && limit <= 64)
          assert.ok(limit === 1 || limit <= Math.ceil(queued / count))
        },
      ),
    )
    assert.equal(chunkLimit(0.01, 10, 2), 5)
  })
})

describe('the running mean', () => {
  it('starts at the first value and follows a change within a few tasks', () => {
    assert.equal(meanAfter(undefined, 7), 7)
    let ms = 1000
    for (let i = 0; i < 20; i++) ms = meanAfter(ms, 1)
    assert.ok(ms < 80, String(ms))
  })

  it('stays between what it has seen', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 1 }), (all) => {
        const end =
          all.reduce<number | undefined>((sofar, ms) => meanAfter(sofar, ms), undefined) ?? Number.NaN
        assert.ok(end >= Math.min(...all) - 1e-6 && end <= Math.max(...all) + 1e-6)
      }),
    )
  })
})
