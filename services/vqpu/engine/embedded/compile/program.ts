/** What the engine executes: steps on a state that grows as qubits come into use. */
import type { KernelStep } from '../kernel/apply-step.ts'
import type { ConditionBits } from './items.ts'

/** The state doubles: amplitudes from the old size on are 0. */
export type GrowStep = { kind: 'grow'; size: number }
/** `mask` 0: a qubit that no gate touched; it is found 0. */
export type MeasureStep = { kind: 'measure'; mask: number; clbit: number }
export type ResetStep = { kind: 'reset'; mask: number }
/** Goes on at step `to` unless the bits are as expected. */
export type SkipStep = ConditionBits & { kind: 'skip'; to: number }

export type Step = KernelStep | GrowStep | MeasureStep | ResetStep | SkipStep

export type Program = {
  steps: Step[]
  /** Qubits that anything happens to. */
  qubits: number
  /** Amplitudes that the state has in the end: 2 to the number of those qubits. */
  size: number
  /** Which bit of the state's index each classical bit shows at the end: mask 0 is always 0. */
  sampled: { clbit: number; mask: number }[]
  clbits: number
}
