/** Submitting behind a breaker: a scheduler that refuses everything is left in peace for a while, and the reason shown. */
import CircuitBreaker from 'opossum'
import type { Actor } from '#shared/actor/actor.ts'
import { QubusError } from '#shared/contract/errors.ts'
import type { JobId, JobSpec, Scheduler } from './scheduler.ts'

export type GuardedSubmit = Disposable & {
  /** @throws what the scheduler threw; `ALLOCATION_FAILED` with the fact `breaker: 'open'` while it is not asked. */
  submit(spec: JobSpec): Promise<JobId>
  /** Why nothing is submitted now; undefined while things go on. */
  readonly openBecause: string | undefined
}

export type GuardOptions = { resetMs: number; failures: number }

const DEFAULTS: GuardOptions = { resetMs: 10_000, failures: 5 }

export function guardSubmit(
  actor: Actor,
  scheduler: Scheduler,
  options: GuardOptions = DEFAULTS,
): GuardedSubmit {
  let reason = ''
  const breaker = new CircuitBreaker((spec: JobSpec) => scheduler.submit(spec, actor.stopping), {
    timeout: false,
    resetTimeout: options.resetMs,
    volumeThreshold: options.failures,
    errorThresholdPercentage: 50,
    rollingCountTimeout: 30_000,
  })
  const tell = (verb: string, data: Record<string, unknown>): void => {
    actor.emit({ noun: 'allocation', verb, id: 'submissions', data })
  }
  breaker.on('open', () => {
    actor.log.error({ reason }, 'too many submissions failed: none for a while')
    tell('paused', { reason, seconds: options.resetMs / 1000 })
  })
  breaker.on('close', () => {
    actor.log.info('submissions go on')
    tell('resumed', {})
  })
  return {
    async submit(spec) {
      if (breaker.opened) throw paused(reason)
      try {
        return await breaker.fire(spec)
      } catch (error) {
        // While one try is under way to see whether things are better, others are turned away too.
        if ((error as { code?: unknown }).code === 'EOPENBREAKER') throw paused(reason)
        reason = (error as Error).message
        throw error
      }
    },
    get openBecause() {
      return breaker.opened ? reason : undefined
    },
    [Symbol.dispose]: () => breaker.shutdown(),
  }
}

function paused(reason: string): QubusError {
  return new QubusError(
    'ALLOCATION_FAILED',
    `nothing is submitted for a while, because submissions failed: ${reason}`,
    { facts: { breaker: 'open' } },
  )
}
