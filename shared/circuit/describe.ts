import type { Circuit } from './circuit.ts'

/** One line for people: what a circuit is made of. */
export function describeCircuit(circuit: Circuit): string {
  const measured = circuit.operations.filter(({ kind }) => kind === 'measure').length
  const parts = [
    circuit.language === 'openqasm2' ? 'OpenQASM 2' : 'OpenQASM 3',
    counted(circuit.qubits, 'qubit'),
    counted(circuit.clbits, 'classical bit'),
    `${counted(circuit.gateCount, 'gate')} (${circuit.gatesUsed.join(' ') || 'none'})`,
    counted(measured, 'measurement'),
    `depth ${circuit.depth}`,
  ]
  return circuit.dynamic ? `${parts.join(', ')}, dynamic` : parts.join(', ')
}

const counted = (count: number, noun: string) => `${count} ${noun}${count === 1 ? '' : 's'}`
