/** Options of steps: checked where they are written, so that a mistake shows before work starts. */
import { QubusError } from '../contract/errors.ts'
import type { StepPolicy } from './runtime.ts'

/** What an author may say of a step. */
export type StepOptions = StepPolicy

const KEYS = [
  'pool',
  'retries',
  'retryDelaySeconds',
  'retryBackoff',
  'retryMaxDelaySeconds',
  'retryJitter',
  'timeoutSeconds',
  'onLost',
] as const

const POOL = /^[A-Za-z0-9_-]{1,128}$/

/** @throws QubusError `INVALID_OPTION` naming the option, what was got and what is wanted. */
export function toPolicy(what: string, options: StepOptions): StepPolicy {
  const {
    pool,
    retries,
    retryDelaySeconds,
    retryBackoff,
    retryMaxDelaySeconds,
    retryJitter,
    timeoutSeconds,
    onLost,
  } = options
  if (pool !== undefined && !POOL.test(pool))
    bad(what, 'pool', pool, 'a name of letters, digits, "_" and "-"')
  if (retries !== undefined && !(Number.isInteger(retries) && retries >= 0))
    bad(what, 'retries', retries, 'an integer from 0')
  check(what, 'retryDelaySeconds', retryDelaySeconds, 0)
  check(what, 'retryBackoff', retryBackoff, 1)
  check(what, 'retryMaxDelaySeconds', retryMaxDelaySeconds, 0)
  check(what, 'retryJitter', retryJitter, 0)
  if (timeoutSeconds !== undefined && !(timeoutSeconds > 0 && Number.isFinite(timeoutSeconds)))
    bad(what, 'timeoutSeconds', timeoutSeconds, 'a number above 0')
  if (onLost !== undefined && onLost !== 'rerun' && onLost !== 'fail')
    bad(what, 'onLost', onLost, '"rerun" or "fail"')
  return Object.fromEntries(
    KEYS.flatMap((key) => (options[key] === undefined ? [] : [[key, options[key]]])),
  ) as StepPolicy
}

function check(what: string, key: string, value: number | undefined, least: number): void {
  if (value !== undefined && !(typeof value === 'number' && value >= least && Number.isFinite(value))) {
    bad(what, key, value, `a number from ${least}`)
  }
}

/** @throws QubusError `INVALID_OPTION`. */
export function bad(what: string, key: string, got: unknown, wanted: string): never {
  throw new QubusError('INVALID_OPTION', `${what}: ${key} is ${show(got)}; ${wanted} is wanted`)
}

function show(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}
