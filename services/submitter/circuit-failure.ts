/** What an error of the parser means to whoever submitted the circuit. */
import { CircuitError } from '#shared/circuit/index.ts'
import { type Failure, toFailure } from '#shared/contract/failure.ts'

const UNSUPPORTED = new Set(['CIRCUIT_UNSUPPORTED', 'CIRCUIT_TOO_LARGE'])

/** @param file where the author has the text. */
export function circuitFailure(error: unknown, file: string | undefined): Failure {
  if (!(error instanceof CircuitError)) return toFailure(error, 'INTERNAL')
  return {
    code: UNSUPPORTED.has(error.code) ? 'CIRCUIT_UNSUPPORTED' : 'CIRCUIT_INVALID',
    name: error.name,
    message: file === undefined ? error.message : `${file}:${error.message}`,
    facts: {
      line: error.line,
      column: error.column,
      circuitCode: error.code,
      ...(file === undefined ? {} : { file }),
    },
  }
}
