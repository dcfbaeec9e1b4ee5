import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ERRORS } from '#shared/contract/errors.ts'
import { nextAttemptAt } from '../../services/coordinator/flow-attempt.ts'

const retry = { retries: 2, delaySeconds: 3 }
const failed = (code: string) => ({
  state: 'failed' as const,
  error: { code, name: 'Error', message: '' },
  steps: 1,
})

describe('after a flow has failed', () => {
  it('the next attempt is due after its delay', () => {
    assert.equal(nextAttemptAt(failed('FLOW_FAILED'), 1, retry, 10_000), 13_000)
  })

  it('there are as many more as the author wrote', () => {
    const due = [1, 2, 3].map((attempt) => nextAttemptAt(failed('FLOW_FAILED'), attempt, retry, 0))
    assert.deepEqual(due, [3_000, 3_000, undefined])
  })

  it('there is none unless one was asked for', () => {
    assert.equal(nextAttemptAt(failed('FLOW_FAILED'), 1, undefined, 0), undefined)
  })

  it('there is none after an end that is no failure', () => {
    for (const state of ['completed', 'cancelled'] as const)
      assert.equal(nextAttemptAt({ state, steps: 1 }, 1, retry, 0), undefined)
  })

  it('there is none for what would fail in the same way', () => {
    const hopeless = Object.keys(ERRORS).filter(
      (code) => nextAttemptAt(failed(code), 1, retry, 0) === undefined,
    )
    for (const code of [
      'TERMINAL',
      'NON_DETERMINISTIC',
      'INVALID_INPUT',
      'UNKNOWN_TASK',
      'FORBIDDEN_IN_FLOW',
      'RUN_TIMEOUT',
      'CANCELLED',
      'VERSION_UNSUPPORTED',
    ])
      assert.ok(hopeless.includes(code), code)
    for (const code of ['FLOW_FAILED', 'TASK_FAILED', 'LOST', 'TIMEOUT', 'UNHANDLED_REJECTION'])
      assert.ok(!hopeless.includes(code), code)
  })

  it('an error of the author’s own is worth another attempt', () => {
    assert.equal(nextAttemptAt(failed('MY_CODE'), 1, retry, 0), 3_000)
  })
})
