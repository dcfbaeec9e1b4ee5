/** The attempts of a flow as a whole, as its log has them. */

import { cloudHeaders } from '#shared/bus/headers.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { toFailure } from '#shared/contract/failure.ts'
import { CancelRecord, CompletedRecord, FlowAttemptRecord } from '#shared/contract/run-record.ts'
import { parseRecordSubject, record } from '#shared/contract/subjects.ts'
import { decode, encode } from '#shared/wire/message.ts'
import type { CoordinatorContext } from './context.ts'
import { FIRST_ATTEMPT, type FlowAttempt } from './flow-attempt.ts'
import { Inheritance } from './reuse/inheritance.ts'
import type { RunFacts } from './steps/step-drafts.ts'
import type { FlowEnd } from './thread/protocol.ts'

/** Where a run stands. */
export type Standing = {
  /** The attempt that is due or under way. */
  attempt: FlowAttempt
  /** Why there is more than one. */
  failed: FlowAttemptRecord | undefined
  cancelled: CancelRecord | undefined
  completed: CompletedRecord | undefined
}

export async function standingOf(
  { store }: Pick<CoordinatorContext, 'store'>,
  run: string,
): Promise<Standing> {
  const log = record(run)
  const found = await store.last(log.completed, log.cancel, log.flowAttempt(0).replace(/0$/, '*'))
  let attempt = FIRST_ATTEMPT
  let completed: CompletedRecord | undefined
  let cancelled: CancelRecord | undefined
  const failed: [number, FlowAttemptRecord][] = []
  for (const { subject, data } of found) {
    const parsed = parseRecordSubject(subject)?.record
    if (parsed?.kind === 'completed') completed = decode(CompletedRecord, data)
    if (parsed?.kind === 'cancel') cancelled = decode(CancelRecord, data)
    if (parsed?.kind === 'flow-attempt') failed.push([parsed.attempt, decode(FlowAttemptRecord, data)])
  }
  for (const [number, { base }] of failed.sort(([a], [b]) => a - b))
    attempt = { attempt: number + 1, base, previousBase: attempt.base }
  return { attempt, failed: failed.at(-1)?.[1], cancelled, completed }
}

/** What the attempt may take over: from the one before it, or in a run that goes on from another one, from that. */
export function inheritanceOf(
  context: CoordinatorContext,
  { run, requested }: RunFacts,
  { attempt, base, previousBase }: FlowAttempt,
): Promise<Inheritance> | undefined {
  if (attempt > 1) return Inheritance.read(context.store, { run, after: previousBase, upTo: base }, true)
  if (requested.resumes === undefined) return undefined
  const from = requested.resumes
  return standingOf(context, from).then(({ attempt: last }) =>
    Inheritance.read(context.store, { run: from, after: last.base, upTo: Number.POSITIVE_INFINITY }, false),
  )
}

/** Puts on record that the attempt failed and when the next one is due. What it says is heard from the log. */
export async function writeAttempt(
  context: CoordinatorContext,
  run: string,
  attempt: number,
  end: FlowEnd,
  dueAt: number,
): Promise<void> {
  const now = context.clock.now()
  const body: FlowAttemptRecord = {
    error: end.error ?? toFailure(new QubusError('FLOW_FAILED', 'the flow failed'), 'FLOW_FAILED'),
    base: end.steps,
    at: now,
    dueAt,
    writer: context.id,
  }
  await context.store.create({
    subject: record(run).flowAttempt(attempt),
    body: encode(body),
    headers: cloudHeaders({
      type: 'qubus.run.attempt',
      id: `${run}.${attempt}`,
      source: `/qubus/coordinator/${context.id}`,
      time: now,
    }),
  })
}
