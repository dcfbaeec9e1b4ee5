/** Options of steps: checked where they are written, so that a mistake shows before work starts. */
import { parseByteSize } from '../contract/byte-size.ts'
import { QubusError } from '../contract/errors.ts'
import { PLAIN_SHAPE, shapeToken } from '../contract/shape.ts'
import type { StepPolicy } from './runtime.ts'

/** What an author may say of a step. */
export type StepOptions = Omit<StepPolicy, 'shape' | 'memoryLimit' | 'limits' | 'published' | 'cache'> & {
  /** Global concurrency limits that it counts against: `qubus limit set NAME N` makes one. */
  limit?: string | readonly string[]
}

/** What a task or program takes of the worker that runs it. */
export type ResourceOptions = {
  /** Default 1. */
  cores?: number
  /** Such as `'2GB'`, or bytes. It is kept free for the step, and one that uses more is ended. */
  memory?: string | number
  /** Handed out one by one; `stepContext().gpus` and `CUDA_VISIBLE_DEVICES` say which. */
  gpus?: number
}

const KEPT = [
  'pool',
  'retries',
  'retryDelaySeconds',
  'retryBackoff',
  'retryMaxDelaySeconds',
  'retryJitter',
  'timeoutSeconds',
  'onLost',
  'isolation',
] as const

const TOKEN = /^[A-Za-z0-9_-]{1,128}$/

/** @throws QubusError `INVALID_OPTION` naming the option, what was got and what is wanted. */
export function toPolicy(what: string, options: StepOptions & ResourceOptions): StepPolicy {
  const { pool, retries, timeoutSeconds, onLost, isolation } = options
  if (pool !== undefined && !TOKEN.test(pool))
    bad(what, 'pool', pool, 'a name of letters, digits, "_" and "-"')
  if (retries !== undefined && !(Number.isInteger(retries) && retries >= 0))
    bad(what, 'retries', retries, 'an integer from 0')
  check(what, 'retryDelaySeconds', options.retryDelaySeconds, 0)
  check(what, 'retryBackoff', options.retryBackoff, 1)
  check(what, 'retryMaxDelaySeconds', options.retryMaxDelaySeconds, 0)
  check(what, 'retryJitter', options.retryJitter, 0)
  if (timeoutSeconds !== undefined && !(timeoutSeconds > 0 && Number.isFinite(timeoutSeconds)))
    bad(what, 'timeoutSeconds', timeoutSeconds, 'a number above 0')
  if (onLost !== undefined && onLost !== 'rerun' && onLost !== 'fail')
    bad(what, 'onLost', onLost, '"rerun" or "fail"')
  if (isolation !== undefined && isolation !== 'thread' && isolation !== 'process')
    bad(what, 'isolation', isolation, '"thread" or "process"')
  const policy = Object.fromEntries(
    KEPT.flatMap((key) => (options[key] === undefined ? [] : [[key, options[key]]])),
  ) as StepPolicy
  const { shape, memoryLimit } = resourcesOf(what, options)
  if (shape !== PLAIN_SHAPE) policy.shape = shape
  if (memoryLimit !== undefined) policy.memoryLimit = memoryLimit
  const limits = limitsOf(what, options.limit)
  if (limits.length > 0) policy.limits = limits
  return policy
}

function resourcesOf(
  what: string,
  { cores = 1, memory, gpus = 0 }: ResourceOptions,
): { shape: string; memoryLimit: number | undefined } {
  if (!(Number.isInteger(cores) && cores >= 1 && cores <= 10_000))
    bad(what, 'cores', cores, 'an integer from 1')
  if (!(Number.isInteger(gpus) && gpus >= 0 && gpus <= 1000)) bad(what, 'gpus', gpus, 'an integer from 0')
  const memoryLimit = typeof memory === 'string' ? parseByteSize(memory) : memory
  if (
    memory !== undefined &&
    !(memoryLimit !== undefined && memoryLimit >= 1024 ** 2 && memoryLimit < 1024 ** 5)
  )
    bad(what, 'memory', memory, 'a size such as "2GB", at least 1 MiB')
  const memoryMiB = memoryLimit === undefined ? 0 : Math.ceil(memoryLimit / 1024 ** 2)
  return { shape: shapeToken({ cores, memoryMiB, gpus }), memoryLimit }
}

// In one order for everybody: two steps that wait for each other's limit would wait for ever.
function limitsOf(what: string, limit: StepOptions['limit']): string[] {
  const names = limit === undefined ? [] : typeof limit === 'string' ? [limit] : [...limit]
  for (const name of names)
    if (typeof name !== 'string' || !TOKEN.test(name))
      bad(what, 'limit', name, 'a name of letters, digits, "_" and "-"')
  return [...new Set(names)].sort()
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
