import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { ERRORS } from '#shared/contract/errors.ts'
import type { StepPolicy } from '#shared/flow/runtime.ts'
import { decideRetry, type FailedAttempt } from '../../services/coordinator/steps/retry.ts'

const failed = (attempt: number, at: number, code = 'TASK_FAILED', uncharged = false): FailedAttempt => ({
  attempt,
  at,
  uncharged,
  error: { code, name: 'Error', message: `attempt ${attempt}` },
})
const charged = (count: number, code?: string): FailedAttempt[] =>
  Array.from({ length: count }, (_, i) => failed(i + 1, i * 100, code))
const delayOf = (policy: StepPolicy, failures: number): number => {
  const decision = decideRetry({ retries: 99, ...policy }, charged(failures), 'run.1')
  assert.equal(decision.next, 'attempt')
  return decision.next === 'attempt' ? decision.dueAt - (failures - 1) * 100 : Number.NaN
}

describe('the delay before the next attempt', () => {
  it('counts from the time at which the log took the failure', () => {
    assert.deepEqual(decideRetry({ retries: 1, retryDelaySeconds: 2 }, [failed(1, 5_000)], ''), {
      next: 'attempt',
      attempt: 2,
      dueAt: 7_000,
    })
  })

  it('is nothing unless it is asked for', () => {
    assert.equal(delayOf({}, 1), 0)
  })

  it('grows with every failure, up to its bound', () => {
    const policy = { retryDelaySeconds: 1, retryBackoff: 3, retryMaxDelaySeconds: 10 }
    assert.deepEqual(
      [1, 2, 3, 4, 90].map((failures) => delayOf(policy, failures)),
      [1_000, 3_000, 9_000, 10_000, 10_000],
    )
  })

  it('never exceeds a day, however it grows', () => {
    assert.equal(delayOf({ retryDelaySeconds: 60, retryBackoff: 10 }, 60), 86_400_000)
  })

  it('is stretched by no more than the jitter, differently for steps and attempts, the same on a replay', () => {
    const policy = fc.record({
      retryDelaySeconds: fc.double({ min: 0.1, max: 100, noNaN: true }),
      retryJitter: fc.double({ min: 0, max: 2, noNaN: true }),
    })
    fc.assert(
      fc.property(policy, fc.string(), fc.integer({ min: 1, max: 20 }), (each, salt, failures) => {
        const full = { retries: 20, ...each }
        const once = decideRetry(full, charged(failures), salt)
        assert.deepEqual(decideRetry(full, charged(failures), salt), once)
        if (once.next !== 'attempt') return assert.fail('no further attempt')
        const delay = once.dueAt - (failures - 1) * 100
        const plain = each.retryDelaySeconds * 1000
        assert.ok(
          delay >= Math.floor(plain) && delay <= Math.ceil(plain * (1 + each.retryJitter)),
          `${delay} of ${plain}`,
        )
      }),
    )
    const due = (salt: string): unknown =>
      decideRetry({ retries: 1, retryDelaySeconds: 100, retryJitter: 1 }, charged(1), salt)
    assert.notDeepEqual(due('run.1'), due('run.2'))
  })
})

describe('the number of attempts', () => {
  it('is one more than the retries, in whatever order the failures are known', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 8 }),
        fc.integer({ min: 1, max: 12 }),
        fc.gen(),
        (retries, failures, gen) => {
          const shuffled = gen(() =>
            fc.shuffledSubarray(charged(failures), { minLength: failures, maxLength: failures }),
          )
          const decision = decideRetry({ retries }, shuffled, '')
          if (failures > retries)
            assert.deepEqual(decision, { next: 'fail', error: failed(failures, 0).error })
          else assert.deepEqual(decision.next === 'attempt' && decision.attempt, failures + 1)
        },
      ),
    )
  })

  it('is one for every error that is terminal', () => {
    for (const [code, { kind }] of Object.entries(ERRORS)) {
      const next = decideRetry({ retries: 5 }, charged(1, code), '').next
      assert.equal(next, kind === 'retryable' || kind === 'system' ? 'attempt' : 'fail', code)
    }
    assert.equal(decideRetry({ retries: 5 }, charged(1, 'SOMETHING_OF_THE_USER'), '').next, 'attempt')
  })

  it('does not count attempts that are not charged, which are followed at once, whatever their error', () => {
    const history = [failed(1, 100), failed(2, 200, 'LOST', true), failed(3, 300, 'LOST', true)]
    assert.deepEqual(decideRetry({ retries: 1, retryDelaySeconds: 9 }, history, ''), {
      next: 'attempt',
      attempt: 4,
      dueAt: 300,
    })
    assert.deepEqual(
      decideRetry({ retries: 1, retryDelaySeconds: 9 }, [...history, failed(4, 400)], '').next,
      'fail',
    )
  })

  it('is bounded even when none is charged', () => {
    const gone = (count: number): FailedAttempt[] =>
      Array.from({ length: count }, (_, i) => failed(i + 1, i, 'DEVICE_GONE', true))
    assert.equal(decideRetry({}, gone(20), '').next, 'attempt')
    assert.equal(decideRetry({}, gone(21), '').next, 'fail')
  })
})
