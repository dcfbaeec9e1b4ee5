/** Errors for those who read the output. */
import { isNameOfOurs } from '#shared/contract/error-name.ts'
import { codeOf, ERRORS, QubusError } from '#shared/contract/errors.ts'
import { type Failure, readProperties } from '#shared/contract/failure.ts'
import { jsonForm, toJson } from '#shared/wire/json-form.ts'

export type ErrorForm = {
  code: string
  message: string
  line?: number
  column?: number
  /** Of an author's error, or one of the language; absent for a plain `Error`. */
  name?: string
  /** What else its author put on it. */
  properties?: unknown
  cause?: ErrorForm
  /** Of an AggregateError. */
  errors?: ErrorForm[]
}

/** `{ code, message }`, with line and column where the error has them. */
export function errorForm(error: unknown): ErrorForm {
  if (!(error instanceof Error)) return { code: 'INTERNAL', message: String(error) }
  const own: unknown = error instanceof QubusError ? codeOf(error) : (error as { code?: unknown }).code
  const code = error instanceof QubusError || error.name === 'CircuitError' ? String(own) : 'INTERNAL'
  return {
    code,
    message: error.message,
    ...placeOf(error as object),
    ...placeOf((error as { facts?: object }).facts),
  }
}

/** The same of a failure, with what is known of the error that was thrown. */
export function failureForm(failure: Failure): ErrorForm {
  const { code, name, message, facts, properties, cause, errors } = failure
  return {
    code,
    message,
    ...placeOf(facts),
    ...(saysSomething(name) ? { name } : {}),
    ...(properties === undefined ? {} : { properties: jsonForm(readProperties(failure)) }),
    ...(cause === undefined ? {} : { cause: failureForm(cause) }),
    ...(errors === undefined ? {} : { errors: errors.map(failureForm) }),
  }
}

function placeOf(facts: object | undefined): { line?: number; column?: number } {
  const { line, column } = (facts ?? {}) as Record<string, unknown>
  return { ...(typeof line === 'number' ? { line } : {}), ...(typeof column === 'number' ? { column } : {}) }
}

/** The message, its causes below it. A stack only for what is a bug of ours. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return `error: ${String(error)}`
  const lines = [
    error instanceof QubusError ? `error: ${error.message}` : `error: ${error.stack ?? error.message}`,
  ]
  // Of bad input the message says all there is to know.
  if (error instanceof QubusError && ERRORS[codeOf(error) ?? 'INTERNAL'].kind === 'usage')
    return lines.join('\n')
  for (
    let cause = error.cause, depth = 0;
    cause instanceof Error && depth < 4;
    cause = cause.cause, depth++
  ) {
    if (!error.message.includes(cause.message)) lines.push(`  because: ${cause.message}`)
  }
  return lines.join('\n')
}

const MOST_BELOW = 4
const MOST_TEXT = 500

/** Its message, what its author put on it, where it was thrown, and what lies below it. */
export function describeFailure(failure: Failure): string {
  return describeForm(failureForm(failure), authorsFrames(failure.stack).slice(0, 3))
}

/** @param frames lines that say where it was thrown. */
export function describeForm(form: ErrorForm, frames: string[] = []): string {
  const { errors = [] } = form
  const lines = [`${form.code}: ${titleOf(form)}`, ...propertiesLine(form, '  '), ...frames]
  for (
    let cause = form.cause, depth = 0;
    cause !== undefined && depth < MOST_BELOW;
    cause = cause.cause, depth++
  ) {
    lines.push(`  because: ${codeAndTitle(cause)}`, ...propertiesLine(cause, '    '))
  }
  for (const each of errors.slice(0, MOST_BELOW)) lines.push(`  one of them: ${codeAndTitle(each)}`)
  if (errors.length > MOST_BELOW) lines.push(`  and ${errors.length - MOST_BELOW} more`)
  return lines.join('\n')
}

/** What went wrong in one line, with the name of the error where it says something. */
export function titleOf({ name = 'Error', message }: { name?: string; message: string }): string {
  return saysSomething(name) ? `${name}: ${message}` : message
}

function saysSomething(name: string): boolean {
  return name !== 'Error' && !isNameOfOurs(name)
}

// That code is said of all that an author's code throws.
function codeAndTitle(form: ErrorForm): string {
  const { code } = form
  return code === 'TASK_FAILED' || code === 'FLOW_FAILED' ? titleOf(form) : `${code}: ${titleOf(form)}`
}

function propertiesLine({ properties }: ErrorForm, indent: string): string[] {
  if (properties === undefined) return []
  const text = toJson(properties)
  return [`${indent}with ${text.length > MOST_TEXT ? `${text.slice(0, MOST_TEXT)}…` : text}`]
}

const PROJECT = new URL('../..', import.meta.url).pathname

// Where in the flow's own files it came from: Node's frames and ours say nothing to the author.
function authorsFrames(stack = ''): string[] {
  return stack.split('\n').filter((line) => {
    const ours =
      line.includes('qubus:///') || line.includes(`${PROJECT}services/`) || line.includes(`${PROJECT}shared/`)
    return /^\s+at .*[/\\]/.test(line) && !ours && !line.includes('/node_modules/') && !line.includes('node:')
  })
}
