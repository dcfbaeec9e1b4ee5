/** An error as it travels between actors: plain data with its cause, and back into an error. */
import { z } from 'zod'
import { isGivenName, isNameOfOurs, nameOf } from './error-name.ts'
import { type Budget, leftOut, propertiesFromPlain, propertiesToPlain } from './error-properties.ts'
import {
  CancelledError,
  codeOf,
  ERRORS,
  type ErrorCode,
  NonDeterministicFlowError,
  type QubusError,
  StepError,
  TerminalError,
} from './errors.ts'

export type Failure = {
  /** Of the catalogue. What an author calls `code` is one of the properties. */
  code: string
  name: string
  message: string
  stack?: string | undefined
  facts?: Record<string, unknown> | undefined
  /** What else its author put on it, and a cause that is no error, in the form of `error-properties.ts`. */
  properties?: Record<string, unknown> | undefined
  cause?: Failure | undefined
  /** Of an AggregateError. */
  errors?: Failure[] | undefined
}

export const Failure: z.ZodType<Failure> = z.object({
  code: z.string(),
  name: z.string(),
  message: z.string(),
  stack: z.string().optional(),
  facts: z.record(z.string(), z.unknown()).optional(),
  properties: z.record(z.string(), z.unknown()).optional(),
  get cause() {
    return Failure.optional()
  },
  get errors() {
    return z.array(Failure).optional()
  },
})

// A record must fit into a message, whatever was thrown.
const STACK_LENGTH = 8_000
const MESSAGE_LENGTH = 16_000
/** Larger facts are left out. */
const FACTS_LENGTH = 32_000
const BUDGET: Budget = { characters: 100_000, errors: 40 }
/** Of one error. */
const PROPERTIES_LENGTH = 32_000
const MOST_CAUSES = 8
const MOST_ERRORS = 16
/** What is left of an error for which there is no more room. */
const SHORTEST = 200

/**
 * Turns anything thrown into a failure; `fallback` is the code for what is not a {@link QubusError}. Causes deeper than 8
 * and errors after the 16th are cut, and what of its properties can't travel is replaced by a text that says so.
 */
export function toFailure(thrown: unknown, fallback: ErrorCode): Failure {
  return write(thrown, fallback, 0, { ...BUDGET })
}

function write(thrown: unknown, fallback: ErrorCode, depth: number, budget: Budget): Failure {
  if (!(thrown instanceof Error)) {
    return {
      code: fallback,
      name: 'Error',
      message: `something other than an error was thrown: ${describe(thrown)}`,
    }
  }
  budget.errors--
  const failure: Failure = {
    code: codeOf(thrown) ?? fallback,
    name: nameOf(thrown),
    message: take(String(thrown.message), MESSAGE_LENGTH, budget),
  }
  if (typeof thrown.stack === 'string') failure.stack = take(thrown.stack, STACK_LENGTH, budget)
  const facts = factsOf(thrown)
  if (facts !== undefined) failure.facts = facts
  const below = (error: unknown): Failure => write(error, fallback, depth + 1, budget)
  const properties = propertiesOf(thrown, failure.code, budget, (error) =>
    depth < MOST_CAUSES && budget.errors > 0 ? below(error) : cut(fallback),
  )
  if (properties !== undefined) failure.properties = properties
  if (depth >= MOST_CAUSES || budget.errors <= 0) return failure
  if (thrown.cause instanceof Error) failure.cause = below(thrown.cause)
  const errors = errorsOf(thrown)
  if (errors !== undefined) {
    failure.errors = errors
      .slice(0, MOST_ERRORS)
      .map((error) => (budget.errors > 0 ? below(error) : cut(fallback)))
    if (errors.length > MOST_ERRORS)
      failure.errors.push(cut(fallback, `${errors.length - MOST_ERRORS} more errors`))
  }
  return failure
}

/**
 * The error that a flow, client or CLI throws for a failure. It has the name, message, stack, cause and own properties of
 * what was thrown; one whose author gave it a `code` has that one ({@link codeOf} tells the catalogue's). `facts` also has
 * the name as `errorName`.
 */
export function fromFailure(failure: Failure): QubusError {
  const { name, stack } = failure
  const { cause: plainCause, ...own } = readProperties(failure)
  const cause = failure.cause === undefined ? plainCause : fromFailure(failure.cause)
  const error = bare(failure, cause, { ...failure.facts, errorName: name })
  if (error.name === 'StepError' ? !isNameOfOurs(name) : !isGivenName(name)) error.name = name
  for (const [key, value] of Object.entries(own)) if (!RESERVED.has(key)) define(error, key, value, true)
  if (stack) define(error, 'stack', stack, false)
  if (failure.errors) define(error, 'errors', failure.errors.map(fromFailure), false)
  return error
}

/** What its author put on it, as the values that they were. */
export function readProperties({ properties = {} }: Failure): Record<string, unknown> {
  return propertiesFromPlain(properties, { read: (form) => fromFailure(form as Failure) })
}

function bare(failure: Failure, cause: unknown, facts: Record<string, unknown>): QubusError {
  const { message } = failure
  const code = (Object.hasOwn(ERRORS, failure.code) ? failure.code : 'TASK_FAILED') as ErrorCode
  if (code === 'CANCELLED') return new CancelledError(message, { cause, facts })
  if (code === 'NON_DETERMINISTIC') return new NonDeterministicFlowError(message, facts, cause)
  if (code === 'TERMINAL') return new TerminalError(message, { cause, facts })
  return new StepError(code, message, { cause, facts })
}

function define(error: object, key: string, value: unknown, enumerable: boolean): void {
  Object.defineProperty(error, key, { value, enumerable, writable: true, configurable: true })
}

/** Carried as fields of their own. What every error has (`toString`, …) is no news either, and a mark in its place would break it. */
const RESERVED = new Set(['name', 'message', 'stack', 'cause', 'errors', 'facts'])

function propertiesOf(
  error: Error,
  code: string,
  budget: Budget,
  write: (error: Error) => Failure,
): Record<string, unknown> | undefined {
  const keys = Object.keys(error).filter(
    (key) =>
      !RESERVED.has(key) &&
      !(key in Error.prototype) &&
      !(key === 'code' && (error as { code?: unknown }).code === code),
  )
  if (errorsOf(error) === undefined && Object.keys(error).includes('errors')) keys.push('errors')
  if (error.cause !== undefined && !(error.cause instanceof Error)) keys.push('cause')
  if (keys.length === 0) return undefined
  const own: Budget = { ...budget, characters: Math.min(budget.characters, PROPERTIES_LENGTH) }
  const before = own.characters
  const properties = propertiesToPlain(error, keys, own, { write })
  budget.characters -= before - own.characters
  return properties
}

// A property of that name that holds no errors is one as any other.
function errorsOf(error: Error): unknown[] | undefined {
  const { errors } = error as { errors?: unknown }
  if (!Array.isArray(errors)) return undefined
  return error instanceof AggregateError || errors.some((each) => each instanceof Error) ? errors : undefined
}

/** What {@link fromFailure} adds, and would add again. */
const ADDED = 'errorName'

// Facts are what JSON can say.
function factsOf(error: Error): Record<string, unknown> | undefined {
  const { facts } = error as { facts?: unknown }
  if (typeof facts !== 'object' || facts === null) return undefined
  try {
    // No message can hold the key "__proto__".
    const text = JSON.stringify(facts, (key, value: unknown) => (key === '__proto__' ? undefined : value))
    if (text.length > FACTS_LENGTH) return undefined
    const plain = Object.entries(JSON.parse(text) as object).filter(([key]) => key !== ADDED)
    return plain.length === 0 ? undefined : Object.fromEntries(plain)
  } catch {
    return undefined
  }
}

function take(text: string, most: number, budget: Budget): string {
  const taken = text.slice(0, Math.max(SHORTEST, Math.min(most, budget.characters)))
  budget.characters -= taken.length
  return taken
}

function cut(code: ErrorCode, what = 'more than an error may carry'): Failure {
  return { code, name: 'Error', message: leftOut(what) }
}

function describe(value: unknown): string {
  try {
    return (JSON.stringify(value) ?? String(value)).slice(0, MESSAGE_LENGTH)
  } catch {
    // What JSON can't say, such as a BigInt, or an object that refers to itself.
    return Object.prototype.toString.call(value)
  }
}
