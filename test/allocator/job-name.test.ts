import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { allocationSeries, inSeries, jobName, slotOf, slotSeries } from '../../services/allocator/job-name.ts'
import { assertToken } from '../../shared/contract/ids.ts'

const token = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/)

test('a name is a token, and says which generation of what it is to nobody but its own', () => {
  fc.assert(
    fc.property(
      token,
      token,
      token,
      token,
      fc.integer({ min: 1, max: 9_999 }),
      (run, id, otherRun, otherId, generation) => {
        const series = allocationSeries('/home/a', run, id)
        const name = assertToken('a job', jobName(series, generation))
        assert.deepEqual(
          inSeries(series, [{ name }]).map((each) => each.generation),
          [generation],
        )
        assert.deepEqual(inSeries(allocationSeries('/home/b', run, id), [{ name }]), [])
        if (run !== otherRun || id !== otherId)
          assert.deepEqual(inSeries(allocationSeries('/home/a', otherRun, otherId), [{ name }]), [])
      },
    ),
  )
})

test("a pool's job says which place it has", () => {
  fc.assert(
    fc.property(
      token,
      token,
      fc.nat(999),
      fc.integer({ min: 1, max: 9_999 }),
      (pool, other, slot, generation) => {
        const name = assertToken('a job', jobName(slotSeries('/home/a', pool, slot), generation))
        assert.deepEqual(slotOf('/home/a', pool, name), { slot, generation })
        assert.equal(slotOf('/home/b', pool, name), undefined)
        if (other !== pool) assert.equal(slotOf('/home/a', other, name), undefined)
      },
    ),
  )
})
