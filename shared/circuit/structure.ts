/** What can be told of a circuit from the order of its operations. */
import type { Operation, Register } from './circuit.ts'

/** Longest chain over shared qubits and classical bits. A barrier lines its qubits up but adds nothing. */
export function depthOf(
  operations: readonly Operation[],
  qubits: number,
  cregs: readonly Register[],
): number {
  const level = new Uint32Array(qubits + cregs.reduce((sum, { size }) => sum + size, 0))
  const byName = new Map(cregs.map((creg) => [creg.name, creg]))
  let deepest = 0
  for (const operation of operations) {
    const bits = bitsOf(operation, qubits, byName)
    let next = 0
    for (const bit of bits) if (level[bit]! > next) next = level[bit]!
    if (operation.kind !== 'barrier') next++
    for (const bit of bits) level[bit] = next
    if (next > deepest) deepest = next
  }
  return deepest
}

function bitsOf(
  operation: Operation,
  qubits: number,
  cregs: ReadonlyMap<string, Register>,
): readonly number[] {
  const own = ownBits(operation, qubits)
  if (operation.condition === undefined) return own
  const { offset, size } = cregs.get(operation.condition.creg)!
  return [...own, ...Array.from({ length: size }, (_, bit) => qubits + offset + bit)]
}

function ownBits(operation: Operation, qubits: number): readonly number[] {
  switch (operation.kind) {
    case 'measure':
      return [operation.qubit, qubits + operation.clbit]
    case 'reset':
      return [operation.qubit]
    default:
      return operation.qubits
  }
}

/** Whether some operation can only be carried out once an earlier measurement or reset has happened. */
export function isDynamic(operations: readonly Operation[]): boolean {
  const used = new Set<number>()
  const measured = new Set<number>()
  for (const operation of operations) {
    if (operation.kind === 'barrier') continue
    if (operation.condition !== undefined) return true
    if (operation.kind === 'measure') {
      used.add(operation.qubit)
      measured.add(operation.qubit)
    } else if (operation.kind === 'reset') {
      if (used.has(operation.qubit)) return true
    } else {
      for (const qubit of operation.qubits) {
        if (measured.has(qubit)) return true
        used.add(qubit)
      }
    }
  }
  return false
}
