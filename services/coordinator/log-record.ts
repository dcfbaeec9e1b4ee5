/** One record of a run's log, read and checked: what the coordinator goes by. */
import type { Delivery } from '#shared/bus/delivery.ts'
import type { Stored } from '#shared/bus/direct.ts'
import { CancelRecord, CompletedRecord, FlowAttemptRecord } from '#shared/contract/run-record.ts'
import {
  AttemptRecord,
  RouteRecord,
  StepOutcome,
  TimerRecord,
  WaitRecord,
} from '#shared/contract/step-record.ts'
import { parseRecordSubject } from '#shared/contract/subjects.ts'
import { decode, unpack } from '#shared/wire/message.ts'

/** `at`: Unix milliseconds at which the log took it. */
export type LogRecord = { sequence: number; at: number; run: string } & (
  | { kind: 'requested' }
  | { kind: 'cancel'; body: CancelRecord }
  | { kind: 'completed'; body: CompletedRecord }
  | { kind: 'flow-attempt'; attempt: number; body: FlowAttemptRecord }
  | { kind: 'outcome'; step: number; body: StepOutcome }
  | { kind: 'attempt'; step: number; attempt: number; body: AttemptRecord }
  | { kind: 'route'; step: number; attempt: number; body: RouteRecord }
  | { kind: 'timer'; step: number; body: TimerRecord }
  | { kind: 'wait'; step: number; body: WaitRecord }
  | { kind: 'lost'; step: number; attempt: number }
)

/** Undefined for a record that this version does not know. @throws QubusError `POISON` for one that it can't read. */
export function readRecord(
  { subject, sequence, data }: Pick<Stored, 'subject' | 'sequence' | 'data'>,
  at: number,
): LogRecord | undefined {
  const parsed = parseRecordSubject(subject)
  if (parsed === undefined) return undefined
  const { run, record } = parsed
  const base = { sequence, at, run }
  switch (record.kind) {
    case 'requested':
      return { ...base, kind: 'requested' }
    case 'retired':
      return undefined
    case 'flow-attempt':
      return { ...base, kind: 'flow-attempt', attempt: record.attempt, body: decode(FlowAttemptRecord, data) }
    case 'cancel':
      return { ...base, kind: 'cancel', body: decode(CancelRecord, data) }
    case 'completed':
      return { ...base, kind: 'completed', body: decode(CompletedRecord, data) }
    case 'outcome':
      return { sequence, at, run, kind: 'outcome', step: record.step, body: readOutcome(data) }
    case 'attempt':
      return {
        ...base,
        kind: 'attempt',
        step: record.step,
        attempt: record.attempt,
        body: decode(AttemptRecord, data),
      }
    case 'route':
      return {
        ...base,
        kind: 'route',
        step: record.step,
        attempt: record.attempt,
        body: decode(RouteRecord, data),
      }
    case 'wait':
      return { ...base, kind: 'wait', step: record.step, body: decode(WaitRecord, data) }
    case 'timer':
      return { ...base, kind: 'timer', step: record.step, body: decode(TimerRecord, data) }
    case 'lost':
      return { ...base, kind: 'lost', step: record.step, attempt: record.attempt }
  }
}

// There are as many as there are steps, and actors of ours wrote them: a look at what is used costs a tenth of a full check.
function readOutcome(data: Uint8Array): StepOutcome {
  const outcome = unpack(data) as StepOutcome
  if (typeof outcome?.digest === 'string' && typeof outcome.endedAt === 'number' && STATES.has(outcome.state))
    return outcome
  return decode(StepOutcome, data)
}

const STATES = new Set(['completed', 'failed', 'cancelled'])

export function fromDelivery(delivery: Delivery): LogRecord | undefined {
  return readRecord(delivery, delivery.time)
}

export function fromStored(stored: Stored): LogRecord | undefined {
  return readRecord(stored, Date.parse(stored.time))
}
