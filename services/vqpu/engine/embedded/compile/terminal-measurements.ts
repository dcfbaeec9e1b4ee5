import type { Operation, Register } from '#shared/circuit/index.ts'

/**
 * The measurements that can wait for the end and be sampled there: nothing happens to their qubit afterwards and no
 * condition reads their classical bit. `clbits` tells which qubit each such bit shows in the end (Qiskit's numbering:
 * bit 0 is the rightmost of the counts' key); `indices` are their places among the operations.
 */
export type TerminalMeasurements = { clbits: Map<number, number>; indices: Set<number> }

export function terminalMeasurements(
  operations: readonly Operation[],
  cregs: readonly Register[],
): TerminalMeasurements {
  const clbits = new Map<number, number>()
  const indices = new Set<number>()
  const busyQubits = new Set<number>()
  const read = new Set<number>()
  const written = new Set<number>()
  for (let index = operations.length - 1; index >= 0; index--) {
    const operation = operations[index]!
    if (operation.kind === 'barrier') continue
    if (
      operation.kind === 'measure' &&
      operation.condition === undefined &&
      !busyQubits.has(operation.qubit) &&
      !read.has(operation.clbit)
    ) {
      indices.add(index)
      // A later write to the same bit hides this one.
      if (!written.has(operation.clbit)) clbits.set(operation.clbit, operation.qubit)
      written.add(operation.clbit)
      continue
    }
    for (const qubit of operation.kind === 'gate' ? operation.qubits : [operation.qubit])
      busyQubits.add(qubit)
    if (operation.kind === 'measure') written.add(operation.clbit)
    if (operation.condition !== undefined)
      for (const bit of bitsOf(operation.condition.creg, cregs)) read.add(bit)
  }
  return { clbits, indices }
}

function bitsOf(creg: string, cregs: readonly Register[]): number[] {
  const { offset, size } = cregs.find(({ name }) => name === creg)!
  return Array.from({ length: size }, (_, bit) => offset + bit)
}
