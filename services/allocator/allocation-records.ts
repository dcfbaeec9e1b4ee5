/** What the allocator writes to a run's log: that a vQPU is ready, or that an attempt to get one failed. */
import { hostname } from 'node:os'
import type { Actor } from '#shared/actor/actor.ts'
import { cloudHeaders } from '#shared/bus/headers.ts'
import type { Creation, Publisher } from '#shared/bus/publisher.ts'
import type { AllocationCommand } from '#shared/contract/command.ts'
import { type ErrorCode, QubusError } from '#shared/contract/errors.ts'
import { eventType } from '#shared/contract/event.ts'
import { toFailure } from '#shared/contract/failure.ts'
import type { VqpuEntry } from '#shared/contract/registry.ts'
import type { AttemptRecord, StepOutcome } from '#shared/contract/step-record.ts'
import { record } from '#shared/contract/subjects.ts'
import { encode } from '#shared/wire/message.ts'
import { encodeValue } from '#shared/wire/value.ts'
import type { Job } from './scheduler.ts'

/** Resolves when the outcome is on disk, whoever wrote it. */
export async function recordReady(
  actor: Actor,
  publisher: Publisher,
  command: AllocationCommand,
  entry: VqpuEntry,
): Promise<Creation> {
  const { id, engine, engineVersion, maxQubits, methods, host, pid, job } = entry
  const value = encodeValue(
    { id, engine, engineVersion, maxQubits, methods, host, pid, job },
    `the vQPU ${id}`,
  )
  const outcome: StepOutcome = {
    ...placeOf(actor, command, host, job),
    state: 'completed',
    attempt: command.attempt,
    result: await actor.blobs.toPayload(value),
    startedAt: entry.startedAt,
    endedAt: Date.now(),
  }
  return publisher.create({
    subject: record(command.run).outcome(command.step),
    body: encode(outcome),
    headers: cloudHeaders({
      type: eventType('step', 'completed'),
      id: `${command.run}.${command.step}`,
      source: sourceOf(actor),
      time: outcome.endedAt,
      step: command.name,
    }),
  })
}

export type FailedLaunch = { code: ErrorCode; why: string; job: Job | undefined; logTail: string }

export async function recordFailure(
  actor: Actor,
  publisher: Publisher,
  command: AllocationCommand,
  failed: FailedLaunch,
): Promise<Creation> {
  const { code, why, job, logTail } = failed
  const lastWords = logTail === '' ? '' : `\nthe last of the job's output:\n${logTail}`
  const error = new QubusError(code, `the vQPU ${command.device} could not be started: ${why}${lastWords}`, {
    facts: { device: command.device, engine: command.engine, job: job?.name, reason: why, logTail },
  })
  const attempt: AttemptRecord = {
    ...placeOf(actor, command, job?.node ?? hostname(), job?.name),
    error: toFailure(error, code),
    startedAt: job?.startedAt ?? command.queuedAt,
    endedAt: Date.now(),
  }
  return publisher.create({
    subject: record(command.run).attempt(command.step, command.attempt),
    body: encode(attempt),
    headers: cloudHeaders({
      type: eventType('step', 'attempt'),
      id: `${command.run}.${command.step}.${command.attempt}`,
      source: sourceOf(actor),
      time: attempt.endedAt,
      step: command.name,
    }),
  })
}

function placeOf(actor: Actor, command: AllocationCommand, node: string, job: string | undefined) {
  const { kind, name, digest, queuedAt, device } = command
  return {
    kind,
    name,
    digest,
    queuedAt,
    device,
    node,
    writer: actor.id,
    ...(job === undefined ? {} : { job }),
  }
}

function sourceOf(actor: Actor): string {
  return `/qubus/${actor.name}/${actor.id}`
}
