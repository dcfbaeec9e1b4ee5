/** One record of a run's log, read and checked: what the coordinator goes by. */
import type { Delivery } from '#shared/bus/delivery.ts'
import type { Stored } from '#shared/bus/direct.ts'
import { CancelRecord, CompletedRecord } from '#shared/contract/run-record.ts'
import { AttemptRecord, RouteRecord, StepOutcome, TimerRecord } from '#shared/contract/step-record.ts'
import { parseRecordSubject } from '#shared/contract/subjects.ts'
import { decode } from '#shared/wire/message.ts'

/** `at`: Unix milliseconds at which the log took it. */
export type LogRecord = { sequence: number; at: number; run: string } & (
  | { kind: 'requested' }
  | { kind: 'cancel'; body: CancelRecord }
  | { kind: 'completed'; body: CompletedRecord }
  | { kind: 'outcome'; step: number; body: StepOutcome }
  | { kind: 'attempt'; step: number; attempt: number; body: AttemptRecord }
  | { kind: 'route'; step: number; attempt: number; body: RouteRecord }
  | { kind: 'timer'; step: number; body: TimerRecord }
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
    case 'cancel':
      return { ...base, kind: 'cancel', body: decode(CancelRecord, data) }
    case 'completed':
      return { ...base, kind: 'completed', body: decode(CompletedRecord, data) }
    case 'outcome':
      return { ...base, kind: 'outcome', step: record.step, body: decode(StepOutcome, data) }
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
    case 'timer':
      return { ...base, kind: 'timer', step: record.step, body: decode(TimerRecord, data) }
    case 'lost':
      return { ...base, kind: 'lost', step: record.step, attempt: record.attempt }
  }
}

export function fromDelivery(delivery: Delivery): LogRecord | undefined {
  return readRecord(delivery, delivery.time)
}

export function fromStored(stored: Stored): LogRecord | undefined {
  return readRecord(stored, Date.parse(stored.time))
}
