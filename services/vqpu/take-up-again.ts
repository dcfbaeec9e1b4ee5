/** A circuit whose last host vanished: the loss is on record before it runs again, so one that kills its host can't do so for ever. */
import type { Publisher } from '#shared/bus/publisher.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { toFailure } from '#shared/contract/failure.ts'
import { MAX_LOSSES } from './ask-first.ts'
import type { HeldCircuit } from './held-circuit.ts'
import { attemptOf, lostOf, type Place } from './records.ts'

/** Resolves when the loss, or that the circuit is given up, is on disk. */
export async function takeUpAgain(
  records: Publisher,
  place: Place,
  { id, command }: HeldCircuit,
  losses: number,
): Promise<'run' | 'given up'> {
  if (losses < MAX_LOSSES) {
    await records.create(lostOf(place, id, command, losses + 1))
    return 'run'
  }
  const message = `the circuit was lost with its host ${losses} times and is not run again`
  const now = Date.now()
  const failure = toFailure(new QubusError('LOST', message), 'LOST')
  await records.create(attemptOf(place, id, command, { startedAt: now, endedAt: now }, failure))
  return 'given up'
}
