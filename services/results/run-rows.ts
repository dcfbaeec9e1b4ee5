/** Records of `RUNS` as rows of the tables. Decodes nothing of the users' values but circuits' results. */

import type { Delivery } from '#shared/bus/delivery.ts'
import { CircuitResult } from '#shared/contract/circuit-result.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { shardOf } from '#shared/contract/ids.ts'
import type { Payload } from '#shared/contract/payload.ts'
import { CompletedRecord, FlowAttemptRecord, RequestedRecord } from '#shared/contract/run-record.ts'
import { AttemptRecord, LostRecord, StepOutcome } from '#shared/contract/step-record.ts'
import { parseRecordSubject } from '#shared/contract/subjects.ts'
import { decode } from '#shared/wire/message.ts'
import { decodeValue } from '#shared/wire/value.ts'
import { toJsonb } from './columns.ts'
import { toColumns } from './payload-columns.ts'
import type { RunRows } from './run-shapes.ts'

export type ReadPayload = (payload: Payload) => Uint8Array | Promise<Uint8Array>

/**
 * Adds the rows of one record. A promise only where a circuit's counts are in a blob.
 * @throws QubusError `POISON` for a record that is not what its subject says; nothing of it was added, or only the
 * step of a circuit whose result is not one.
 */
export function addRecord(
  rows: RunRows,
  { subject, data }: Delivery,
  read: ReadPayload,
): void | Promise<void> {
  const parsed = parseRecordSubject(subject)
  // A record that this version does not know is another version's business.
  if (parsed === undefined) return
  const { run, record } = parsed
  switch (record.kind) {
    case 'requested':
      return addRequested(rows, run, decode(RequestedRecord, data))
    case 'completed':
      return addCompleted(rows, run, decode(CompletedRecord, data))
    case 'flow-attempt':
      return addRunAttempt(rows, run, wholeNumber(record.attempt), decode(FlowAttemptRecord, data))
    case 'outcome':
      return addOutcome(rows, run, wholeNumber(record.step), decode(StepOutcome, data), read)
    case 'attempt':
      return addAttempt(
        rows,
        run,
        wholeNumber(record.step),
        wholeNumber(record.attempt),
        decode(AttemptRecord, data),
      )
    case 'lost': {
      const lost = decode(LostRecord, data)
      rows.attempts.push({
        run,
        step: wholeNumber(record.step),
        attempt: wholeNumber(record.attempt),
        nth: wholeNumber(record.nth),
        writer: lost.writer,
        node: null,
        job: null,
        pool: null,
        device: null,
        error: null,
        uncharged: true,
        queued_at: null,
        started_at: lost.at,
        ended_at: lost.at,
      })
    }
  }
}

function addRequested({ requested }: RunRows, run: string, record: RequestedRecord): void {
  const params = toColumns(record.payload)
  requested.push({
    run,
    shard: shardOf(run),
    flow: record.flow,
    name: record.name,
    bundle: record.bundle,
    digest: record.digest,
    pool: record.pool,
    project: record.project,
    user: record.user,
    tags: toJsonb(record.tags),
    priority: record.priority,
    parent_run: record.parent?.run,
    parent_step: record.parent?.step,
    root_run: record.parent?.root,
    resumes: record.resumes,
    schedule: record.schedule?.name,
    scheduled_for: record.schedule?.at,
    timeout_seconds: record.timeoutSeconds,
    version: record.version,
    params: params.inline,
    params_blob: params.blob,
    params_size: params.size,
    requested_at: record.requestedAt ?? record.acceptedAt,
    accepted_at: record.acceptedAt,
  })
}

function addCompleted({ completed }: RunRows, run: string, record: CompletedRecord): void {
  const result = toColumns(record.result)
  completed.push({
    run,
    shard: shardOf(run),
    state: record.state,
    result: result.inline,
    result_blob: result.blob,
    result_size: result.size,
    error: toJsonb(record.error),
    steps: record.steps,
    attempts: record.attempts,
    started_at: record.startedAt,
    ended_at: record.endedAt,
  })
}

function addOutcome(
  rows: RunRows,
  run: string,
  step: number,
  outcome: StepOutcome,
  read: ReadPayload,
): void | Promise<void> {
  const result = toColumns(outcome.result)
  rows.steps.push({
    run,
    step,
    kind: outcome.kind,
    name: outcome.name,
    label: outcome.label,
    state: outcome.state,
    attempt: outcome.attempt,
    pool: outcome.pool,
    device: outcome.device,
    node: outcome.node,
    job: outcome.job,
    writer: outcome.writer,
    queued_at: outcome.queuedAt,
    started_at: outcome.startedAt,
    ended_at: outcome.endedAt,
    result: result.inline,
    result_blob: result.blob,
    result_size: result.size,
    error: toJsonb(outcome.error),
    from_how: outcome.from?.how,
    from_run: outcome.from?.run,
    from_step: outcome.from?.step,
    from_at: outcome.from?.at,
  })
  outcome.artifacts?.forEach((artifact, nth) => {
    const value = toColumns(artifact.payload)
    rows.artifacts.push({
      run,
      step,
      nth,
      key: artifact.key,
      type: artifact.type,
      value: value.inline,
      value_blob: value.blob,
      value_size: value.size,
      at: artifact.at,
    })
  })
  if (outcome.kind !== 'circuit' || outcome.result === undefined) return
  const name = outcome.label ?? outcome.name
  const bytes = read(outcome.result)
  if (bytes instanceof Promise) return bytes.then((found) => addCircuit(rows, run, step, name, found))
  addCircuit(rows, run, step, name, bytes)
}

function addCircuit({ circuits }: RunRows, run: string, step: number, name: string, bytes: Uint8Array): void {
  const {
    counts,
    device,
    engine,
    engineVersion,
    method,
    shots,
    seed,
    qubits,
    clbits,
    gates,
    depth,
    seconds,
  } = circuitOf(bytes)
  circuits.push({
    run,
    step,
    name,
    device,
    engine,
    engine_version: engineVersion,
    method,
    shots,
    seed,
    qubits,
    clbits,
    gates,
    depth,
    seconds,
    counts: toJsonb(counts),
  })
}

function circuitOf(bytes: Uint8Array): CircuitResult {
  try {
    return CircuitResult.parse(decodeValue(bytes))
  } catch (cause) {
    throw new QubusError('POISON', "a circuit's result is not one", { cause })
  }
}

function addAttempt(
  { attempts }: RunRows,
  run: string,
  step: number,
  attempt: number,
  record: AttemptRecord,
): void {
  attempts.push({
    run,
    step,
    attempt,
    nth: 0,
    writer: record.writer,
    node: record.node,
    job: record.job,
    pool: record.pool,
    device: record.device,
    error: toJsonb(record.error),
    uncharged: record.uncharged ?? false,
    queued_at: record.queuedAt,
    started_at: record.startedAt,
    ended_at: record.endedAt,
  })
}

function addRunAttempt(
  { runAttempts }: RunRows,
  run: string,
  attempt: number,
  record: FlowAttemptRecord,
): void {
  runAttempts.push({
    run,
    attempt,
    error: toJsonb(record.error),
    base: record.base,
    writer: record.writer,
    failed_at: record.at,
    due_at: record.dueAt,
  })
}

const INT4 = 2 ** 31

function wholeNumber(value: number): number {
  if (Number.isInteger(value) && value >= 0 && value < INT4) return value
  throw new QubusError('POISON', 'a subject has something else where a number belongs')
}
