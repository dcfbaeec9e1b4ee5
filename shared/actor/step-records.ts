/** The records that whoever executes a step writes into the log of its run. */
import { cloudHeaders } from '../bus/headers.ts'
import type { Draft } from '../bus/publisher.ts'
import { eventType } from '../contract/event.ts'
import type { Failure } from '../contract/failure.ts'
import type { Payload } from '../contract/payload.ts'
import type { Artifact, AttemptRecord, LostRecord, StepOutcome, StepShape } from '../contract/step-record.ts'
import { record, type StepIdentity } from '../contract/subjects.ts'
import { encode } from '../wire/message.ts'

/** Who executes here. */
export type Place = { writer: string; node: string; job?: string; pool?: string; device?: string }

/** Unix milliseconds. */
export type Times = { startedAt: number; endedAt: number }

type Commanded = StepShape & { queuedAt: number }

export function outcomeDraft(
  place: Place,
  id: StepIdentity,
  command: Commanded,
  times: Times,
  result: Payload,
  artifacts?: Artifact[],
): Draft {
  const outcome: StepOutcome = {
    ...place,
    ...shapeOf(command),
    ...times,
    state: 'completed',
    attempt: id.attempt,
    result,
    ...(artifacts === undefined ? {} : { artifacts }),
  }
  return draft(record(id.run).outcome(id.step), 'completed', `${id.run}.${id.step}`, place, command, outcome)
}

export function attemptDraft(
  place: Place,
  id: StepIdentity,
  command: Commanded,
  times: Times,
  error: Failure,
  uncharged = false,
): Draft {
  const attempt: AttemptRecord = {
    ...place,
    ...shapeOf(command),
    ...times,
    error,
    ...(uncharged ? { uncharged } : {}),
  }
  return draft(record(id.run).attempt(id.step, id.attempt), 'attempt', idOf(id), place, command, attempt)
}

/** Says that the attempt is taken up again, for the `nth` time. */
export function lostDraft(place: Place, id: StepIdentity, command: Commanded, nth: number): Draft {
  const lost: LostRecord = { writer: place.writer, at: Date.now() }
  return draft(record(id.run).lost(id.step, id.attempt, nth), 'lost', idOf(id), place, command, lost)
}

function shapeOf({ kind, name, label, digest, queuedAt }: Commanded) {
  return { kind, name, digest, queuedAt, ...(label === undefined ? {} : { label }) }
}

function idOf({ run, step, attempt }: StepIdentity): string {
  return `${run}.${step}.${attempt}`
}

function draft(
  subject: string,
  verb: string,
  id: string,
  place: Place,
  command: Commanded,
  body: unknown,
): Draft {
  const headers = cloudHeaders({
    type: eventType('step', verb),
    id,
    source: `/qubus/${place.writer}`,
    time: Date.now(),
    step: command.label ?? command.name,
  })
  return { subject, body: encode(body), headers }
}
