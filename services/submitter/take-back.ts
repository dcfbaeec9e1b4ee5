/** Ends the attempts that a device which is gone left behind, so that the coordinator sends each circuit out again. */
import { readAll, type Stored } from '#shared/bus/direct.ts'
import { CircuitCommand } from '#shared/contract/command.ts'
import { QubusError } from '#shared/contract/errors.ts'
import type { Failure } from '#shared/contract/failure.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { filter, parseCommandSubject } from '#shared/contract/subjects.ts'
import { decode } from '#shared/wire/message.ts'
import { specOf } from './circuit-spec.ts'
import type { Gone } from './judge-devices.ts'
import { attemptOf } from './records.ts'
import type { Desk } from './submit-circuit.ts'

/**
 * Writes an attempt record for each command after `from` that nobody has settled. Any number of submitters may do this
 * at once: each record is made once. Returns the place in the stream up to which it looked.
 */
export async function takeBack(desk: Desk, gone: Gone, from: number): Promise<number> {
  let last = from
  let count = 0
  const commands = readAll(desk.actor.bus.nc, STREAM.circuits, filter.deviceCircuits(gone.device), from + 1)
  for await (const page of commands) {
    const ended = await Promise.all(
      page.map((stored) => endAttempt(desk, gone, stored).catch(skipUnreadable)),
    )
    count += ended.filter(Boolean).length
    last = page.at(-1)?.sequence ?? last
  }
  if (count > 0)
    desk.actor.log.warn({ device: gone.device, why: gone.why, circuits: count }, 'circuits taken back')
  return last
}

// What can't be read is no circuit: whoever is given it makes a dead letter of it.
function skipUnreadable(error: unknown): boolean {
  if (error instanceof QubusError && (error.code === 'POISON' || error.code === 'INVALID_OPTION'))
    return false
  throw error
}

async function endAttempt(desk: Desk, gone: Gone, stored: Stored): Promise<boolean> {
  const id = parseCommandSubject(stored.subject)
  const standing = await desk.standing(id)
  if (!standing.wanted) return false
  const command = decode(CircuitCommand, stored.data)
  const spec = await specOf(desk.actor.blobs, command)
  const chosen = spec.device !== gone.device
  if (!chosen && gone.takeBack === 'chosen') return false
  const error: Failure = {
    code: 'DEVICE_GONE',
    name: 'QubusError',
    message: `the device ${gone.device} was gone before it ran the circuit: ${gone.why}`,
    facts: { device: gone.device },
  }
  const creation = await desk.records.create(
    attemptOf(desk.actor, id, command, error, { device: gone.device, uncharged: chosen }),
  )
  return creation === 'stored'
}
