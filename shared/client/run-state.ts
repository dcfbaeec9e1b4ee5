/** What the broker knows of a run: queued, running, or ended. */
import type { NatsConnection } from '@nats-io/transport-node'
import { readLast, readLastOf } from '../bus/direct.ts'
import { DeadLetter } from '../contract/dead-letter.ts'
import { QubusError } from '../contract/errors.ts'
import type { Failure } from '../contract/failure.ts'
import { FlowRequest } from '../contract/flow-request.ts'
import { CompletedRecord, RequestedRecord } from '../contract/run-record.ts'
import { STREAM } from '../contract/streams.ts'
import { record, subject } from '../contract/subjects.ts'
import { decode, unpack } from '../wire/message.ts'
import type { Session } from './session.ts'

export type KnownRun =
  | { state: 'queued'; flow: string; requestedAt: number; cancelled: boolean }
  | { state: 'running'; flow: string; requested: RequestedRecord; cancelled: boolean }
  /** The request was given up before it became a run. */
  | { state: 'refused'; flow: string; error: Failure; at: number }
  | { state: 'ended'; flow: string; requested: RequestedRecord | undefined; completed: CompletedRecord }

/** Undefined when the broker has never heard of the run, or has forgotten it. */
export async function findRun({ bus }: Session, run: string): Promise<KnownRun | undefined> {
  const log = record(run)
  // The request first: it leaves its stream only after the log has its records.
  const queued = await readLast(bus.nc, STREAM.flows, subject.flow(run))
  const found = await readLastOf(bus.nc, STREAM.runs, [log.requested, log.completed, log.cancel])
  const at = (name: string) => found.find((stored) => stored.subject === name)
  const [taken, ended] = [at(log.requested), at(log.completed)]
  const requested = taken && decode(RequestedRecord, taken.data)
  const cancelled = at(log.cancel) !== undefined
  const flow = requested?.flow ?? queuedFlow(queued?.data)
  if (ended) return { state: 'ended', flow, requested, completed: decode(CompletedRecord, ended.data) }
  if (requested) return { state: 'running', flow, requested, cancelled }
  if (queued) return { state: 'queued', flow, requestedAt: Date.parse(queued.time), cancelled }
  return findRefusal(bus.nc, run)
}

async function findRefusal(nc: NatsConnection, run: string): Promise<KnownRun | undefined> {
  const buried = await readLast(nc, STREAM.dead, `${subject.dead(STREAM.flows, subject.flow(run))}.*`)
  if (buried === undefined) return undefined
  const { body, error, at } = decode(DeadLetter, buried.data)
  return { state: 'refused', flow: queuedFlow(body), error, at }
}

export function unknownRun(run: string): QubusError {
  return new QubusError(
    'UNKNOWN_RUN',
    `no run ${JSON.stringify(run)} is known: qubus runs lists those there are`,
    { facts: { run } },
  )
}

function queuedFlow(data: Uint8Array | undefined): string {
  return (data && FlowRequest.safeParse(unpackRequest(data)).data?.flow) ?? ''
}

/** A request as it waits in the broker: msgpack, or JSON from a script. Undefined when it is neither. */
export function unpackRequest(data: Uint8Array): unknown {
  try {
    return data[0] === 0x7b ? JSON.parse(Buffer.from(data).toString()) : unpack(data)
  } catch {
    return undefined
  }
}
