/** The records that a submitter writes into the log of a run. */
import type { Actor } from '#shared/actor/actor.ts'
import { cloudHeaders } from '#shared/bus/headers.ts'
import type { Draft } from '#shared/bus/publisher.ts'
import type { CircuitCommand } from '#shared/contract/command.ts'
import { eventType } from '#shared/contract/event.ts'
import type { Failure } from '#shared/contract/failure.ts'
import type { AttemptRecord, RouteRecord } from '#shared/contract/step-record.ts'
import { record, type StepIdentity } from '#shared/contract/subjects.ts'
import { encode } from '#shared/wire/message.ts'

type Writer = Pick<Actor, 'id' | 'host' | 'job'>

export function routeOf(
  writer: Writer,
  id: StepIdentity,
  command: CircuitCommand,
  device: string,
  why: string,
): Draft {
  const route: RouteRecord = { device, why, writer: writer.id, at: Date.now() }
  return draft(writer, record(id.run).route(id.step, id.attempt), 'routed', id, command, route)
}

/** @param uncharged the attempt failed through no fault of its own and doesn't count. */
export function attemptOf(
  writer: Writer,
  id: StepIdentity,
  command: CircuitCommand,
  error: Failure,
  more: { device?: string; uncharged?: boolean } = {},
): Draft {
  const { kind, name, digest, queuedAt } = command
  const now = Date.now()
  const attempt: AttemptRecord = {
    writer: writer.id,
    node: writer.host,
    ...(writer.job === undefined ? {} : { job: writer.job }),
    ...more,
    ...{ kind, name, digest, queuedAt, error },
    startedAt: now,
    endedAt: now,
  }
  return draft(writer, record(id.run).attempt(id.step, id.attempt), 'attempt', id, command, attempt)
}

function draft(
  writer: Writer,
  subject: string,
  verb: string,
  id: StepIdentity,
  command: CircuitCommand,
  body: unknown,
): Draft {
  const headers = cloudHeaders({
    type: eventType('step', verb),
    id: `${id.run}.${id.step}.${id.attempt}`,
    source: `/qubus/submitter/${writer.id}`,
    time: Date.now(),
    step: command.name,
  })
  return { subject, body: encode(body), headers }
}
