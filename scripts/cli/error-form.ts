/** Errors for those who read the output. */
import { ERRORS, QubusError } from '#shared/contract/errors.ts'
import type { Failure } from '#shared/contract/failure.ts'

export type ErrorForm = { code: string; message: string; line?: number; column?: number }

/** `{ code, message }`, with line and column where the error has them. */
export function errorForm(error: unknown): ErrorForm {
  if (!(error instanceof Error)) return { code: 'INTERNAL', message: String(error) }
  const own: unknown = (error as { code?: unknown }).code
  const code = error instanceof QubusError || error.name === 'CircuitError' ? String(own) : 'INTERNAL'
  return {
    code,
    message: error.message,
    ...placeOf(error as object),
    ...placeOf((error as { facts?: object }).facts),
  }
}

export function failureForm({ code, message, facts }: Failure): ErrorForm {
  return { code, message, ...placeOf(facts) }
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
  if (error instanceof QubusError && ERRORS[error.code].kind === 'usage') return lines.join('\n')
  for (
    let cause = error.cause, depth = 0;
    cause instanceof Error && depth < 4;
    cause = cause.cause, depth++
  ) {
    if (!error.message.includes(cause.message)) lines.push(`  because: ${cause.message}`)
  }
  return lines.join('\n')
}

export function describeFailure(failure: Failure): string {
  const lines = [`${failure.code}: ${failure.message}`, ...authorsFrames(failure.stack).slice(0, 3)]
  for (let cause = failure.cause, depth = 0; cause !== undefined && depth < 4; cause = cause.cause, depth++) {
    lines.push(`  because: ${cause.code}: ${cause.message}`)
  }
  return lines.join('\n')
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
