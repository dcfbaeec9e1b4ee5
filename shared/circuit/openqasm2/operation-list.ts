/** Collects operations and stops a runaway expansion. */
import type { Operation } from '../circuit.ts'
import type { CircuitErrorCode } from '../circuit-error.ts'
import { errorAt, type Source } from '../source.ts'

export class OperationList {
  readonly operations: Operation[] = []
  readonly #source: Source
  readonly #limit: number
  #steps = 0

  constructor(source: Source, limit: number) {
    this.#source = source
    this.#limit = limit
  }

  add(operation: Operation, at: number): void {
    if (this.operations.length >= this.#limit) throw this.#tooLarge(at)
    this.operations.push(operation)
  }

  /** Gates with empty bodies make no operations however often they are nested: their calls count too. */
  countStep(at: number): void {
    if (++this.#steps > 4 * this.#limit) throw this.#tooLarge(at)
  }

  error(at: number, code: CircuitErrorCode, message: string): Error {
    return errorAt(this.#source, at, code, message)
  }

  #tooLarge(at: number): Error {
    return this.error(
      at,
      'CIRCUIT_TOO_LARGE',
      `the circuit has more than ${this.#limit} operations after this gate is expanded`,
    )
  }
}
