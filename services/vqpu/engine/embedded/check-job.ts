import { QubusError } from '#shared/contract/errors.ts'
import type { EngineJob } from '../engine.ts'

/** A thousand times what any published circuit asks for; keeps a slip of the hand from running for days. */
const MAX_SHOTS = 1_000_000_000

/** What can be said against a job before its source is read. */
export function checkJob({ shots, seed, method }: EngineJob, methods: readonly string[]): void {
  if (!Number.isInteger(shots) || shots < 1 || shots > MAX_SHOTS) {
    throw new QubusError('INVALID_OPTION', `shots is ${shots}: write an integer from 1 to ${MAX_SHOTS}`, {
      facts: { option: 'shots', got: shots },
    })
  }
  if (seed !== undefined && !Number.isSafeInteger(seed)) {
    throw new QubusError('INVALID_OPTION', `seed is ${seed}: write an integer of at most 53 bits`, {
      facts: { option: 'seed', got: seed },
    })
  }
  if (method !== undefined && method !== 'automatic' && !methods.includes(method)) {
    throw new QubusError(
      'INVALID_OPTION',
      `method is '${method}': this engine knows ${methods.join(', ')} and automatic`,
      { facts: { option: 'method', got: method } },
    )
  }
}
