/** Circuits: OpenQASM text that a device runs, as a step. */

import type { CircuitResult } from '../contract/circuit-result.ts'
import type { CircuitSpec } from '../contract/command.ts'
import { TaskFuture } from './future.ts'
import { bad, type StepOptions, toPolicy } from './options.ts'
import { currentFlow } from './runtime.ts'
import type { Vqpu } from './vqpu.ts'

export type CircuitOptions = {
  /** How many times it is run; default 1000. */
  shots?: number
  /** The same seed gives the same counts on the same engine. */
  seed?: number
  /** The engine's algorithm, such as `statevector`; default: the engine's choice. */
  method?: string
  /** Shown in `qubus show`; default `circuit`. */
  name?: string
}

export type RunCircuitOptions = Omit<StepOptions, 'pool' | 'onLost' | 'isolation'> & {
  /** A launched vQPU, its id, `vqpu` (any of the pool), a remote device's name, or `any` (default). */
  device?: Vqpu | string
}

export type Circuit = {
  /** Counts are in Qiskit's bit order: rightmost = classical bit 0, registers separated by a space, the last declared one leftmost. */
  run(options?: RunCircuitOptions): TaskFuture<CircuitResult>
}

/** A circuit to run: OpenQASM 2 text. @throws QubusError `INVALID_OPTION`. */
export function circuit(source: string, options: CircuitOptions = {}): Circuit {
  const { shots = 1000, seed, method, name = 'circuit' } = options
  if (typeof source !== 'string' || source.trim() === '')
    bad('circuit', 'the source', source, 'OpenQASM text')
  if (!Number.isInteger(shots) || shots < 1 || shots > 1e9)
    bad('circuit', 'shots', shots, 'an integer from 1 to 1e9')
  if (seed !== undefined && !(Number.isSafeInteger(seed) && seed >= 0))
    bad('circuit', 'seed', seed, 'a non-negative integer')
  return {
    run({ device = 'any', ...rest } = {}) {
      const id = typeof device === 'string' ? device : device?.id
      if (typeof id !== 'string' || !/^[A-Za-z0-9_-]{1,128}$/.test(id))
        bad('circuit', 'device', id, 'a vQPU, a device id, "vqpu" or "any"')
      const spec: CircuitSpec = { source, shots, device: id }
      if (seed !== undefined) spec.seed = seed
      if (method !== undefined) spec.method = method
      return TaskFuture.request<CircuitResult>(currentFlow('circuit'), {
        kind: 'circuit',
        name,
        value: spec,
        policy: toPolicy('circuit', rest),
      })
    },
  }
}
