import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { StepSet } from '../../../services/coordinator/steps/step-set.ts'

it('a set of steps has what was added, and says whether it was there', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.nat(100), fc.nat(2_000_000))), (steps) => {
      const set = new StepSet()
      const plain = new Set<number>()
      for (const step of steps) {
        assert.equal(set.has(step), plain.has(step))
        assert.equal(set.add(step), !plain.has(step))
        plain.add(step)
        for (const near of [step - 1, step, step + 1, step + 32]) {
          if (near >= 0) assert.equal(set.has(near), plain.has(near))
        }
      }
    }),
  )
})
