/** The tree of an OpenQASM 2 program. `at` is always the offset of the token that an error would point at. */

export type Expression =
  | { kind: 'number'; value: number; depth: number; at: number }
  | { kind: 'name'; name: string; depth: number; at: number }
  | { kind: 'negate'; operand: Expression; depth: number; at: number }
  | {
      kind: 'binary'
      operator: '+' | '-' | '*' | '/' | '^'
      left: Expression
      right: Expression
      depth: number
      at: number
    }
  | { kind: 'call'; fn: (x: number) => number; operand: Expression; depth: number; at: number }

export type Named = { name: string; at: number }

/** A whole register where `index` is absent. */
export type Argument = Named & { index?: number; indexAt: number }

export type GateCall = { kind: 'call'; name: string; params: Expression[]; args: Argument[]; at: number }
export type Barrier = { kind: 'barrier'; args: Argument[]; at: number }
export type Measure = { kind: 'measure'; from: Argument; to: Argument; at: number }
export type Reset = { kind: 'reset'; arg: Argument; at: number }
export type QuantumOperation = GateCall | Measure | Reset

export type GateDeclaration = {
  kind: 'gate'
  name: string
  params: Named[]
  qubits: Named[]
  /** Absent for an `opaque` gate. Arguments in a body have no index. */
  body?: (GateCall | Barrier)[]
  at: number
}

export type Statement =
  | { kind: 'qreg' | 'creg'; name: string; size: number; sizeAt: number; at: number }
  | { kind: 'include'; file: string; at: number }
  | { kind: 'if'; creg: string; value: number; body: QuantumOperation; at: number }
  | GateDeclaration
  | Barrier
  | QuantumOperation
