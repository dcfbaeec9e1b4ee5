/** Whether a device can run a circuit, and if not, each thing that it lacks. */
import type { VqpuEntry } from '#shared/contract/registry.ts'
import type { CircuitNeeds } from './circuit-needs.ts'

export type Abilities = Pick<VqpuEntry, 'maxQubits' | 'methods' | 'gates' | 'languages'>

/** A device that is not told how to simulate chooses itself. */
const ANY_METHOD = 'automatic'

/** What `device` lacks, in words; empty when it can run the circuit. */
export function matchDevice(needs: CircuitNeeds, device: string, has: Abilities): string[] {
  const lacks: string[] = []
  if (needs.qubits > has.maxQubits) lacks.push(`needs ${needs.qubits} qubits, ${device} has ${has.maxQubits}`)
  if (!has.languages.includes(needs.language)) {
    lacks.push(`is written in ${needs.language}, ${device} reads ${listed(has.languages)}`)
  }
  if (needs.method !== undefined && needs.method !== ANY_METHOD && !has.methods.includes(needs.method)) {
    lacks.push(`needs the method ${needs.method}, ${device} has ${listed(has.methods)}`)
  }
  const missing = has.gates === 'any' ? [] : needs.gates.filter((gate) => !has.gates.includes(gate))
  if (missing.length > 0) lacks.push(`uses ${listed(missing)}, which ${device} has not`)
  return lacks
}

export function listed(names: readonly string[]): string {
  if (names.length === 0) return 'none'
  return names.length < 9 ? names.join(', ') : `${names.slice(0, 8).join(', ')} and ${names.length - 8} more`
}
