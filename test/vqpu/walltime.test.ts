import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { walltimeOf } from '../../services/vqpu/walltime.ts'

describe('a walltime', () => {
  it('leaves a tenth, between 1 and 30 s, to finish', () => {
    assert.deepEqual(walltimeOf(0, 100), { drainAt: 90_000, stopAt: 99_000, endsAt: 100_000 })
    assert.equal(walltimeOf(0, 86_400)?.drainAt, 86_370_000)
    assert.equal(walltimeOf(0, 5)?.drainAt, 4_000)
  })

  it('is over before the scheduler ends the job', () => {
    for (const seconds of [2, 60, 500, 86_400]) {
      const { drainAt, stopAt, endsAt } = walltimeOf(1_000, seconds) ?? assert.fail()
      assert.ok(drainAt < stopAt && stopAt < endsAt)
    }
  })

  it('is no longer than the job that the host runs in', () => {
    assert.equal(walltimeOf(0, 100, 50_000)?.endsAt, 50_000)
    assert.equal(walltimeOf(0, undefined, 50_000)?.endsAt, 50_000)
    assert.equal(walltimeOf(0, 100, 500_000)?.endsAt, 100_000)
    assert.equal(walltimeOf(0), undefined)
  })
})
