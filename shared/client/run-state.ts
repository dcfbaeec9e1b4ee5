/** What is known of a run: queued, running, or ended. The broker says so, and result storage of a run that it has forgotten. */
import type { NatsConnection } from '@nats-io/transport-node'
import { readLast, readLastOf } from '../bus/direct.ts'
import { DeadLetter } from '../contract/dead-letter.ts'
import { QubusError } from '../contract/errors.ts'
import type { Failure } from '../contract/failure.ts'
import { FlowRequest } from '../contract/flow-request.ts'
import { CompletedRecord, RequestedRecord } from '../contract/run-record.ts'
import { STREAM } from '../contract/streams.ts'
import { filter, record, subject } from '../contract/subjects.ts'
import { decode, unpack } from '../wire/message.ts'
import { ask } from './query.ts'
import type { Session } from './session.ts'

export type KnownRun =
  | { state: 'queued'; flow: string; requestedAt: number; cancelled: boolean }
  | { state: 'running'; flow: string; requested: RequestedRecord; cancelled: boolean }
  /** The request was given up before it became a run. */
  | { state: 'refused'; flow: string; error: Failure; at: number }
  | { state: 'ended'; flow: string; requested: RequestedRecord | undefined; completed: CompletedRecord }

/** Undefined when nobody has ever heard of the run. @throws QubusError `UNREACHABLE` also when only storage knows it, and does not answer. */
export async function findRun(session: Session, run: string): Promise<KnownRun | undefined> {
  const { bus } = session
  const log = record(run)
  // The request first: it leaves its stream only after the log has its records.
  const queued = await readLast(bus.nc, STREAM.flows, filter.flowAnyShard(run))
  const found = await readLastOf(bus.nc, STREAM.runs, [log.requested, log.completed, log.cancel, log.retired])
  const at = (name: string) => found.find((stored) => stored.subject === name)
  const [taken, ended] = [at(log.requested), at(log.completed)]
  const requested = taken && decode(RequestedRecord, taken.data)
  const cancelled = at(log.cancel) !== undefined
  const flow = requested?.flow ?? queuedFlow(queued?.data)
  if (ended) return { state: 'ended', flow, requested, completed: decode(CompletedRecord, ended.data) }
  if (requested) return { state: 'running', flow, requested, cancelled }
  const retired = at(log.retired) !== undefined
  if (retired) return findStored(session, run)
  if (queued) return { state: 'queued', flow, requestedAt: Date.parse(queued.time), cancelled }
  const refused = await findRefusal(bus.nc, run)
  // A system without result storage has nothing to add.
  return refused ?? findStored(session, run).catch(() => undefined)
}

/** What result storage says of a run that the broker has forgotten. */
async function findStored(session: Session, run: string): Promise<KnownRun | undefined> {
  const { outcome } = await ask(session, 'outcome', { run })
  if (outcome === null) return undefined
  const { flow, ...completed } = outcome
  return { state: 'ended', flow, requested: undefined, completed: { ...completed, writer: 'results' } }
}

async function findRefusal(nc: NatsConnection, run: string): Promise<KnownRun | undefined> {
  const buried = await readLast(nc, STREAM.dead, `${subject.dead(STREAM.flows, filter.flowAnyShard(run))}.*`)
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
