/** A simulator too plain to be wrong: one gate at a time, one amplitude at a time, no fusion. For comparison in tests. */
import {
  baseMatrix,
  type Circuit,
  countsKey,
  type GateOperation,
  type Operation,
  PRIMITIVES,
} from '#shared/circuit/index.ts'

type Amplitude = [re: number, im: number]

/** Entries as [re, im]; qubit 0 is the low bit of row and column. */
export function unitaryOf(circuit: Circuit): number[][][] {
  const size = 2 ** circuit.qubits
  const columns = Array.from({ length: size }, (_, basis) => {
    let state: Amplitude[] = Array.from({ length: size }, (_, index) => [index === basis ? 1 : 0, 0])
    for (const operation of circuit.operations)
      if (operation.kind === 'gate') state = applyGate(state, operation)
    return state
  })
  return Array.from({ length: size }, (_, row) => columns.map((column) => column[row]!))
}

/** The exact probability of each key (Qiskit's bit order), following every outcome of every measurement and reset. */
export function exactDistribution(circuit: Circuit): Map<string, number> {
  const result = new Map<string, number>()
  const start: Amplitude[] = Array.from({ length: 2 ** circuit.qubits }, (_, index) => [
    index === 0 ? 1 : 0,
    0,
  ])
  follow(
    circuit,
    0,
    start,
    Array.from({ length: circuit.clbits }, () => 0),
    result,
  )
  return result
}

/** States are not brought back to length 1: the square of what is left is the probability of the way there. */
function follow(
  circuit: Circuit,
  at: number,
  state: Amplitude[],
  bits: number[],
  result: Map<string, number>,
): void {
  const weight = state.reduce((sum, [re, im]) => sum + re * re + im * im, 0)
  if (weight < 1e-15) return
  const operation = circuit.operations[at]
  if (operation === undefined) {
    const key = countsKey(bits, circuit.cregs)
    result.set(key, (result.get(key) ?? 0) + weight)
  } else if (operation.kind === 'barrier' || !holds(circuit, operation, bits))
    follow(circuit, at + 1, state, bits, result)
  else if (operation.kind === 'gate') follow(circuit, at + 1, applyGate(state, operation), bits, result)
  else {
    for (const outcome of [0, 1]) {
      const kept = state.map(
        ([re, im], index): Amplitude => (((index >> operation.qubit) & 1) === outcome ? [re, im] : [0, 0]),
      )
      if (operation.kind === 'measure')
        follow(circuit, at + 1, kept, bits.with(operation.clbit, outcome), result)
      else
        follow(
          circuit,
          at + 1,
          outcome === 0 ? kept : kept.map((_, index) => kept[index ^ (1 << operation.qubit)]!),
          bits,
          result,
        )
    }
  }
}

function holds(circuit: Circuit, { condition }: Operation, bits: number[]): boolean {
  if (condition === undefined) return true
  const { offset, size } = circuit.cregs.find(({ name }) => name === condition.creg)!
  let value = 0
  for (let bit = 0; bit < size; bit++) value += bits[offset + bit]! * 2 ** bit
  return value === condition.value
}

function applyGate(state: Amplitude[], { name, params, qubits }: GateOperation): Amplitude[] {
  const { base, controls } = PRIMITIVES[name]
  const matrix = baseMatrix(base, params)
  const targets = qubits.slice(controls)
  const size = 2 ** targets.length
  return state.map((old, index) => {
    if (qubits.slice(0, controls).some((control) => ((index >> control) & 1) === 0)) return old
    const row = targets.reduce((sum, target) => sum * 2 + ((index >> target) & 1), 0)
    let re = 0
    let im = 0
    for (let column = 0; column < size; column++) {
      let from = index
      for (const [position, target] of targets.entries()) {
        const bit = (column >> (targets.length - 1 - position)) & 1
        from = (from & ~(1 << target)) | (bit << target)
      }
      const a = matrix[(row * size + column) * 2]!
      const b = matrix[(row * size + column) * 2 + 1]!
      const [c, d] = state[from]!
      re += a * c - b * d
      im += a * d + b * c
    }
    return [re, im]
  })
}
