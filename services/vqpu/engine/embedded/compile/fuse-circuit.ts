import type { Circuit, Condition, Operation, Register } from '#shared/circuit/index.ts'
import { Fuser } from './fuser.ts'
import type { ConditionBits, Item } from './items.ts'
import { terminalMeasurements } from './terminal-measurements.ts'

export type FusedCircuit = {
  items: Item[]
  /** Which wire each classical bit shows when the circuit has ended; bit 0 is the rightmost of the counts' key. */
  sampled: Map<number, number>
}

export function fuseCircuit(circuit: Circuit): FusedCircuit {
  const fuser = new Fuser(circuit.qubits, { classical: true })
  const terminal = terminalMeasurements(circuit.operations, circuit.cregs)
  const touched = new Set<number>()
  for (let index = 0; index < circuit.operations.length; index++) {
    const operation = circuit.operations[index]!
    if (operation.kind === 'barrier' || terminal.indices.has(index)) continue
    if (operation.condition !== undefined) {
      const group = sameCondition(circuit.operations, index)
      condition(fuser, group, conditionBits(operation.condition, circuit.cregs))
      for (const member of group) for (const qubit of qubitsOf(member)) touched.add(qubit)
      index += group.length - 1
      continue
    }
    if (operation.kind === 'reset' && !touched.has(operation.qubit)) continue
    for (const qubit of qubitsOf(operation)) touched.add(qubit)
    plain(fuser, operation)
  }
  const sampled = new Map([...terminal.clbits].map(([clbit, qubit]) => [clbit, fuser.wireOf[qubit]!]))
  const wires = [...new Set(sampled.values())]
  // Nobody sees a gate that still waits on a wire that is not sampled, nor a phase on one that is.
  fuser.flush(wires, wires)
  return { items: fuser.items, sampled }
}

function plain(fuser: Fuser, operation: Exclude<Operation, { kind: 'barrier' }>): void {
  if (operation.kind === 'gate') return fuser.gate(operation)
  const wire = fuser.wireOf[operation.qubit]!
  const item: Item =
    operation.kind === 'measure' ? { kind: 'measure', wire, clbit: operation.clbit } : { kind: 'reset', wire }
  fuser.look(item, [wire], true)
}

/** Gates that follow each other under one condition are fused among themselves. */
function condition(fuser: Fuser, group: readonly Operation[], bits: ConditionBits): void {
  const inner = new Fuser(fuser.wireOf.length, { classical: false, wireOf: fuser.wireOf })
  for (const operation of group) {
    if (operation.kind === 'barrier') continue
    plain(inner, operation)
  }
  inner.flush(fuser.wireOf, [])
  const wires = [...new Set(group.flatMap(qubitsOf).map((qubit) => fuser.wireOf[qubit]!))]
  fuser.look({ kind: 'if', condition: bits, items: inner.items }, wires, false)
}

/** A measurement ends the group: it may change what the condition reads. */
function sameCondition(operations: readonly Operation[], from: number): Operation[] {
  const { condition: first } = operations[from]!
  const group: Operation[] = []
  for (let index = from; index < operations.length; index++) {
    const operation = operations[index]!
    if (
      operation.condition === undefined ||
      operation.condition.creg !== first!.creg ||
      operation.condition.value !== first!.value
    )
      break
    group.push(operation)
    if (operation.kind === 'measure') break
  }
  return group
}

function conditionBits({ creg, value }: Condition, cregs: readonly Register[]): ConditionBits {
  const { offset, size } = cregs.find(({ name }) => name === creg)!
  const clbits = Array.from({ length: size }, (_, bit) => offset + bit)
  const expected = clbits.map((_, bit) => Math.floor(value / 2 ** bit) % 2)
  // A value that the register can't hold: a bit that is never 2.
  return value < 2 ** size ? { clbits, expected } : { clbits, expected: clbits.map(() => 2) }
}

function qubitsOf(operation: Operation): readonly number[] {
  if (operation.kind === 'barrier') return []
  return operation.kind === 'gate' ? operation.qubits : [operation.qubit]
}
