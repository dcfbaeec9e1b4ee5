/** What a vQPU of the pool can do, for deciding before there is one. A device that is alive says it itself. */
import type { Abilities } from './match-device.ts'

/** The most that the embedded engine can do on any host: memory, 16 bytes × 2^n, usually ends earlier. */
export const EMBEDDED: Abilities = {
  maxQubits: 28,
  methods: ['statevector'],
  gates: 'any',
  languages: ['openqasm2', 'openqasm3'],
}
