/** An error as it travels between actors: plain data with its cause, and back into an error. */
import { z } from 'zod'
import {
  CancelledError,
  ERRORS,
  type ErrorCode,
  NonDeterministicFlowError,
  type QubusError,
  StepError,
  TerminalError,
} from './errors.ts'

export type Failure = {
  code: string
  name: string
  message: string
  stack?: string | undefined
  facts?: Record<string, unknown> | undefined
  cause?: Failure | undefined
}

export const Failure: z.ZodType<Failure> = z.object({
  code: z.string(),
  name: z.string(),
  message: z.string(),
  stack: z.string().optional(),
  facts: z.record(z.string(), z.unknown()).optional(),
  get cause() {
    return Failure.optional()
  },
})

const STACK_BYTES = 8_000
const MESSAGE_BYTES = 16_000
/** Larger facts are left out: a record must fit into a message. */
const FACTS_BYTES = 32_000

/** Turns anything thrown into a failure; `fallback` is the code for what is not a {@link QubusError}. Causes deeper than 8 are cut. */
export function toFailure(thrown: unknown, fallback: ErrorCode, depth = 0): Failure {
  if (!(thrown instanceof Error)) {
    return {
      code: fallback,
      name: 'Error',
      message: `something other than an error was thrown: ${describe(thrown)}`,
    }
  }
  const failure: Failure = {
    code: codeOf(thrown, fallback),
    name: String(thrown.name),
    message: String(thrown.message).slice(0, MESSAGE_BYTES),
  }
  if (typeof thrown.stack === 'string') failure.stack = thrown.stack.slice(0, STACK_BYTES)
  const facts = (thrown as { facts?: unknown }).facts
  if (typeof facts === 'object' && facts !== null && Object.keys(facts).length > 0)
    failure.facts = plainFacts(facts)
  if (thrown.cause !== undefined && depth < 8) failure.cause = toFailure(thrown.cause, fallback, depth + 1)
  return failure
}

/** The error that a flow, client or CLI throws for a failure; the remote stack is kept in `facts.stack`. */
export function fromFailure(failure: Failure): QubusError {
  const code = (Object.hasOwn(ERRORS, failure.code) ? failure.code : 'TASK_FAILED') as ErrorCode
  const cause = failure.cause === undefined ? undefined : fromFailure(failure.cause)
  const facts = {
    ...failure.facts,
    errorName: failure.name,
    ...(failure.stack ? { remoteStack: failure.stack } : {}),
  }
  if (code === 'CANCELLED') return new CancelledError(failure.message, { cause, facts })
  if (code === 'NON_DETERMINISTIC') return new NonDeterministicFlowError(failure.message, facts, cause)
  if (code === 'TERMINAL') return new TerminalError(failure.message, { cause, facts })
  return new StepError(code, failure.message, { cause, facts })
}

// An error of another copy of this module (a bundle carries its own) is known by its name and code, not its class.
function codeOf(thrown: Error, fallback: ErrorCode): string {
  const code = (thrown as { code?: unknown }).code
  return typeof code === 'string' && Object.hasOwn(ERRORS, code) ? code : fallback
}

// Facts come from user code too: only what JSON can say travels.
function plainFacts(facts: object): Record<string, unknown> {
  try {
    const text = JSON.stringify(facts)
    return text.length > FACTS_BYTES ? {} : (JSON.parse(text) as Record<string, unknown>)
  } catch {
    return {}
  }
}

function describe(value: unknown): string {
  try {
    return (JSON.stringify(value) ?? String(value)).slice(0, MESSAGE_BYTES)
  } catch {
    // What JSON can't say, such as a BigInt, or an object that refers to itself.
    return Object.prototype.toString.call(value)
  }
}
