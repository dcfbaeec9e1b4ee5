/** What an error of the parser or the engine means to whoever asked for the circuit. */
import { QubusError } from '#shared/contract/errors.ts'
import { type Failure, toFailure } from '#shared/contract/failure.ts'

/** Not a fault of the text: no rewrite of that line helps, another device might. */
const UNSUPPORTED = new Set(['CIRCUIT_UNSUPPORTED', 'CIRCUIT_TOO_LARGE'])

/** The parser's errors are known by their place, since those that crossed a thread have lost their class. */
export function circuitFailure(error: unknown): Failure {
  if (error instanceof QubusError) return toFailure(error, 'ENGINE_FAILED')
  const { code, line, column, file, message } = error as Record<string, unknown>
  if (typeof line !== 'number' || typeof column !== 'number') return toFailure(error, 'ENGINE_FAILED')
  return {
    code: UNSUPPORTED.has(String(code)) ? 'CIRCUIT_UNSUPPORTED' : 'CIRCUIT_INVALID',
    name: 'CircuitError',
    message: String(message),
    facts: { line, column, circuitCode: String(code), ...(file === undefined ? {} : { file }) },
  }
}
