/** What follows when an attempt of a step has failed: decided from the log alone, so that a replay decides the same. */
import { hash } from 'node:crypto'
import { isRetryable } from '#shared/contract/errors.ts'
import type { Failure } from '#shared/contract/failure.ts'
import type { StepPolicy } from '#shared/flow/runtime.ts'

/** One failed attempt. `at`: Unix milliseconds at which the log took its record. */
export type FailedAttempt = { attempt: number; at: number; error: Failure; uncharged: boolean }

export type RetryDecision =
  | { next: 'attempt'; attempt: number; dueAt: number }
  | { next: 'fail'; error: Failure }

const DEFAULT_DELAY_SECONDS = 0
const MAX_UNCHARGED = 20

/**
 * @param failed every failed attempt of the step so far, at least one.
 * @param salt what makes the jitter differ: run and step.
 */
export function decideRetry(
  policy: StepPolicy,
  failed: readonly FailedAttempt[],
  salt: string,
): RetryDecision {
  const last = failed.reduce((a, b) => (b.attempt > a.attempt ? b : a))
  const charged = failed.filter((each) => !each.uncharged).length
  const attempt = last.attempt + 1
  if (last.uncharged) {
    if (failed.length - charged > MAX_UNCHARGED) return { next: 'fail', error: last.error }
    return { next: 'attempt', attempt, dueAt: last.at }
  }
  if (charged > (policy.retries ?? 0) || !isRetryable(last.error.code))
    return { next: 'fail', error: last.error }
  return { next: 'attempt', attempt, dueAt: last.at + delayMs(policy, charged, `${salt}.${last.attempt}`) }
}

// delay · backoff^(failures − 1), bounded, stretched by up to the jitter.
function delayMs(policy: StepPolicy, failures: number, salt: string): number {
  const plain =
    (policy.retryDelaySeconds ?? DEFAULT_DELAY_SECONDS) * (policy.retryBackoff ?? 1) ** (failures - 1)
  const bounded = Math.min(plain, policy.retryMaxDelaySeconds ?? 24 * 3600)
  const chance = Number.parseInt(hash('sha256', salt).slice(0, 8), 16) / 2 ** 32
  return Math.round(bounded * 1000 * (1 + (policy.retryJitter ?? 0) * chance))
}
