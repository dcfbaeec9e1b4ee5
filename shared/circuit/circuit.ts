/** A checked circuit: registers laid out one after another, custom gates expanded, all parameters numbers. */
import type { Language } from './language.ts'
import type { PrimitiveName } from './primitives.ts'

/** Bit k of the register is qubit or classical bit `offset + k` of the circuit. */
export type Register = { name: string; size: number; offset: number }

/** Holds when the classical register, read with bit 0 as the lowest, equals `value`. */
export type Condition = { creg: string; value: number }

export type GateOperation = {
  kind: 'gate'
  name: PrimitiveName
  params: readonly number[]
  /** Controls first, as written. */
  qubits: readonly number[]
  condition?: Condition
}
export type MeasureOperation = { kind: 'measure'; qubit: number; clbit: number; condition?: Condition }
export type ResetOperation = { kind: 'reset'; qubit: number; condition?: Condition }
export type BarrierOperation = { kind: 'barrier'; qubits: readonly number[]; condition?: undefined }
export type Operation = GateOperation | MeasureOperation | ResetOperation | BarrierOperation

export type Circuit = {
  language: Language
  qubits: number
  clbits: number
  qregs: Register[]
  cregs: Register[]
  operations: Operation[]
  /** Gate names as the source wrote them, sorted: what a device's gate set is matched with. */
  gatesUsed: string[]
  /** Longest chain of operations over shared bits after expansion. A barrier lines its qubits up but adds nothing. */
  depth: number
  /** Gates after expansion. */
  gateCount: number
  /** A condition, a measured qubit that is used again, or a reset of a qubit that was used: one run of the state is not enough. */
  dynamic: boolean
}
