/** A circuit whose last host vanished: the loss is on record before it runs again, so one that kills its host can't do so for ever. */

import { MAX_LOSSES } from '#shared/actor/ask-first.ts'
import { attemptDraft, lostDraft } from '#shared/actor/step-records.ts'
import type { Publisher } from '#shared/bus/publisher.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { toFailure } from '#shared/contract/failure.ts'
import type { HeldCircuit } from './held-circuit.ts'
import type { DevicePlace } from './place.ts'

/** Resolves when the loss, or that the circuit is given up, is on disk. */
export async function takeUpAgain(
  records: Publisher,
  place: DevicePlace,
  { id, command }: HeldCircuit,
  losses: number,
): Promise<'run' | 'given up'> {
  if (losses < MAX_LOSSES) {
    await records.create(lostDraft(place, id, command, losses + 1))
    return 'run'
  }
  const message = `the circuit was lost with its host ${losses} times and is not run again`
  const now = Date.now()
  const failure = toFailure(new QubusError('LOST', message), 'LOST')
  await records.create(attemptDraft(place, id, command, { startedAt: now, endedAt: now }, failure))
  return 'given up'
}
