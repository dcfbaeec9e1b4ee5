/** Reads circuits: OpenQASM text in, a checked circuit or an exactly placed error out. Pure, no dependencies. */
export type * from './circuit.ts'
export { CircuitError, type CircuitErrorCode, type CircuitPlace } from './circuit-error.ts'
export { bitsOfKey, type Counts, countsKey } from './counts.ts'
export { describeCircuit } from './describe.ts'
export type { Language } from './language.ts'
export { baseMatrix, type Matrix } from './matrix.ts'
export { type ParseOptions, parseCircuit } from './parse-circuit.ts'
export { type BaseName, PRIMITIVES, type Primitive, type PrimitiveName } from './primitives.ts'
