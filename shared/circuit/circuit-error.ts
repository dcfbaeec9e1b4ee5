/** What was wrong with a circuit, and where. */

export type CircuitErrorCode =
  /** The text does not follow the grammar. */
  | 'CIRCUIT_SYNTAX'
  | 'CIRCUIT_UNKNOWN_GATE'
  /** A register, parameter or qubit name that was never declared. */
  | 'CIRCUIT_UNKNOWN_NAME'
  | 'CIRCUIT_DUPLICATE_NAME'
  /** Wrong number or kind of parameters or qubits, sizes that differ, one qubit twice. */
  | 'CIRCUIT_BAD_ARGUMENT'
  | 'CIRCUIT_OUT_OF_RANGE'
  /** Correct in some language or version, but not read or not runnable here. */
  | 'CIRCUIT_UNSUPPORTED'
  /** Past a bound that keeps a hostile or runaway circuit from eating the host. */
  | 'CIRCUIT_TOO_LARGE'

export type CircuitPlace = { line: number; column: number; file?: string }

/** `line` and `column` count from 1 and point at the first character of the offending token. */
export class CircuitError extends Error {
  readonly code: CircuitErrorCode
  /** The message without the place. */
  readonly reason: string
  readonly line: number
  readonly column: number
  readonly file?: string

  constructor(code: CircuitErrorCode, reason: string, place: CircuitPlace) {
    super(`${place.file === undefined ? '' : `${place.file}:`}${place.line}:${place.column}: ${reason}`)
    this.name = 'CircuitError'
    this.code = code
    this.reason = reason
    this.line = place.line
    this.column = place.column
    if (place.file !== undefined) this.file = place.file
  }
}
