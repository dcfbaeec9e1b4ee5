/** What host and threads say to each other. Errors cross as plain objects: a clone would lose their class and fields. */
import { CircuitError, type CircuitErrorCode } from '#shared/circuit/index.ts'
import { type ErrorCode, QubusError } from '#shared/contract/errors.ts'
import type { EngineJob, EngineResult } from '../engine.ts'

export type ThreadData = {
  thread: number
  budgetBytes: number
  maxQubits: number
  /** {@link MemoryLedger}'s cells. */
  memory: Int32Array
  /** One cell a thread: the number of the last circuit that was cancelled there. */
  cancelled: Int32Array
}

export type ToThread = { number: number; job: EngineJob }
export type FromThread =
  | 'ready'
  | { number: number; result: EngineResult }
  | { number: number; error: WireError }

type WireError =
  | { kind: 'circuit'; code: CircuitErrorCode; reason: string; line: number; column: number; file?: string }
  | { kind: 'engine'; code: ErrorCode; message: string; facts: Record<string, unknown> }

export function packError(error: unknown): WireError {
  if (error instanceof CircuitError) {
    const { code, reason, line, column, file } = error
    return { kind: 'circuit', code, reason, line, column, file }
  }
  if (error instanceof QubusError)
    return { kind: 'engine', code: error.code, message: error.message, facts: error.facts }
  const message = error instanceof Error ? error.message : String(error)
  return {
    kind: 'engine',
    code: 'ENGINE_FAILED',
    message: `the embedded engine failed: ${message}`,
    facts: { stack: error instanceof Error ? error.stack : undefined },
  }
}

export function unpackError(packed: WireError): CircuitError | QubusError {
  if (packed.kind === 'engine') return new QubusError(packed.code, packed.message, { facts: packed.facts })
  const { code, reason, line, column, file } = packed
  return new CircuitError(code, reason, { line, column, file })
}
