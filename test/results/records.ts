/** Records as coordinators and workers write them. */
import type { z } from 'zod'
import type { Draft } from '#shared/bus/publisher.ts'
import type { CircuitResult } from '#shared/contract/circuit-result.ts'
import type { CompletedRecord, RequestedRecord } from '#shared/contract/run-record.ts'
import type { AttemptRecord, StepOutcome } from '#shared/contract/step-record.ts'
import { record } from '#shared/contract/subjects.ts'
import { encode } from '#shared/wire/message.ts'
import { encodeValue } from '#shared/wire/value.ts'

const START = 1_790_000_000_000
const HASH = 'a'.repeat(64)

export function requested(run: string, more: Partial<RequestedRecord> = {}): Draft {
  const body: RequestedRecord = {
    flow: 'tutorial',
    bundle: HASH,
    name: `tutorial-${run}`,
    digest: 'd',
    payload: inline({ n: 3 }),
    requestedAt: START,
    acceptedAt: START + 5,
    coordinator: 'c-1',
    ...more,
  }
  return { subject: record(run).requested, body: encode(body) }
}

export function completed(run: string, more: Partial<CompletedRecord> = {}): Draft {
  const body: CompletedRecord = {
    state: 'completed',
    result: inline('done'),
    steps: 1,
    startedAt: START + 5,
    endedAt: START + 1000,
    writer: 'c-1',
    ...more,
  }
  return { subject: record(run).completed, body: encode(body) }
}

export function outcome(run: string, step: number, more: Partial<StepOutcome> = {}): Draft {
  const body: StepOutcome = {
    kind: 'task',
    name: 'square',
    digest: '0123456789abcdef',
    state: 'completed',
    attempt: 1,
    pool: 'cpu',
    node: 'node-1',
    writer: 'worker-1',
    result: inline(step * step),
    queuedAt: START + 10,
    startedAt: START + 20,
    endedAt: START + 30 + step,
    ...more,
  }
  return { subject: record(run).outcome(step), body: encode(body) }
}

export function failedAttempt(
  run: string,
  step: number,
  attempt: number,
  more: Partial<AttemptRecord> = {},
): Draft {
  const body: AttemptRecord = {
    kind: 'task',
    name: 'square',
    digest: '0123456789abcdef',
    node: 'node-1',
    writer: 'worker-1',
    pool: 'cpu',
    error: { code: 'TASK_FAILED', name: 'Error', message: 'no luck' },
    queuedAt: START,
    startedAt: START + 1,
    endedAt: START + 2,
    ...more,
  }
  return { subject: record(run).attempt(step, attempt), body: encode(body) }
}

export const COUNTS: z.infer<typeof CircuitResult> = {
  counts: { '0 00': 480, '1 11': 520 },
  shots: 1000,
  seed: 7,
  device: 'vqpu-1',
  engine: 'embedded',
  engineVersion: '1',
  method: 'statevector',
  qubits: 3,
  clbits: 3,
  gates: 4,
  depth: 3,
  seconds: 0.01,
}

export function inline(value: unknown): { inline: Uint8Array } {
  return { inline: encodeValue(value, 'a test value') }
}
