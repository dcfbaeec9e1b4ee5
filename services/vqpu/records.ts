/** The records that a host writes into the log of a run. */
import { cloudHeaders } from '#shared/bus/headers.ts'
import type { Draft } from '#shared/bus/publisher.ts'
import type { CircuitCommand } from '#shared/contract/command.ts'
import { eventType } from '#shared/contract/event.ts'
import type { Failure } from '#shared/contract/failure.ts'
import type { Payload } from '#shared/contract/payload.ts'
import type { AttemptRecord, LostRecord, StepOutcome } from '#shared/contract/step-record.ts'
import { record, type StepIdentity } from '#shared/contract/subjects.ts'
import { encode } from '#shared/wire/message.ts'

/** Who runs circuits here. */
export type Place = { writer: string; node: string; job?: string; pool?: string; device: string }

export type Times = { startedAt: number; endedAt: number }

export function outcomeOf(
  place: Place,
  id: StepIdentity,
  command: CircuitCommand,
  times: Times,
  result: Payload,
): Draft {
  const outcome: StepOutcome = {
    ...place,
    ...shapeOf(command),
    ...times,
    state: 'completed',
    attempt: id.attempt,
    result,
  }
  return draft(record(id.run).outcome(id.step), 'completed', `${id.run}.${id.step}`, place, command, outcome)
}

export function attemptOf(
  place: Place,
  id: StepIdentity,
  command: CircuitCommand,
  times: Times,
  error: Failure,
): Draft {
  const attempt: AttemptRecord = { ...place, ...shapeOf(command), ...times, error }
  return draft(record(id.run).attempt(id.step, id.attempt), 'attempt', idOf(id), place, command, attempt)
}

/** Says that the attempt is taken up again, for the `nth` time. */
export function lostOf(place: Place, id: StepIdentity, command: CircuitCommand, nth: number): Draft {
  const lost: LostRecord = { writer: place.writer, at: Date.now() }
  return draft(record(id.run).lost(id.step, id.attempt, nth), 'lost', idOf(id), place, command, lost)
}

function shapeOf({ kind, name, digest, queuedAt }: CircuitCommand) {
  return { kind, name, digest, queuedAt }
}

function idOf({ run, step, attempt }: StepIdentity): string {
  return `${run}.${step}.${attempt}`
}

function draft(
  subject: string,
  verb: string,
  id: string,
  place: Place,
  command: CircuitCommand,
  body: unknown,
): Draft {
  const headers = cloudHeaders({
    type: eventType('step', verb),
    id,
    source: `/qubus/vqpu/${place.writer}`,
    time: Date.now(),
    step: command.name,
  })
  return { subject, body: encode(body), headers }
}
