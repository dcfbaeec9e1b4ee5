/** Reads from a stream by subject, without a consumer. */
import type { Msg, MsgHdrs, NatsConnection } from '@nats-io/transport-node'
import { QubusError } from '../contract/errors.ts'
import type { BLOB_BUCKET, REGISTRY_BUCKET, StreamName } from '../contract/streams.ts'
import { muxOf } from './mux.ts'

/** Our streams, and those behind the registry and the blobs. */
export type ReadableStreamName = StreamName | `KV_${typeof REGISTRY_BUCKET}` | `OBJ_${typeof BLOB_BUCKET}`

export type Stored = { subject: string; sequence: number; data: Uint8Array; time: string }

/** The broker answers at most this many subjects at once. */
export const MULTI_LAST_LIMIT = 1000

/** The last message on `subject` (wildcards allowed), or undefined. */
export async function readLast(
  nc: NatsConnection,
  stream: ReadableStreamName,
  subject: string,
): Promise<Stored | undefined> {
  const found = await directGet(nc, stream, { last_by_subj: subject })
  return found[0]
}

/** The message at that place of the stream; undefined when there is none any more. */
export async function readAt(
  nc: NatsConnection,
  stream: ReadableStreamName,
  sequence: number,
): Promise<Stored | undefined> {
  return (await directGet(nc, stream, { seq: sequence }))[0]
}

/** The headers of the last message on `subject`, the broker's own among them (`Nats-Time-Stamp`, …). */
export async function readLastHeaders(
  nc: NatsConnection,
  stream: ReadableStreamName,
  subject: string,
): Promise<MsgHdrs | undefined> {
  const question = JSON.stringify({ last_by_subj: subject })
  const reply = await muxOf(nc).request(`$JS.API.DIRECT.GET.${stream}`, question, undefined, IDLE_MS)
  if (reply === undefined)
    throw new QubusError('UNREACHABLE', `the broker did not answer a read of ${stream} in time`)
  return reply.headers?.code === 404 ? undefined : reply.headers
}

/** The first message on `subject` (wildcards allowed) from sequence `from` on, or undefined. */
export async function readNext(
  nc: NatsConnection,
  stream: ReadableStreamName,
  subject: string,
  from: number,
): Promise<Stored | undefined> {
  const found = await directGet(nc, stream, { next_by_subj: subject, seq: from })
  return found[0]
}

/**
 * The last message of each of `subjects` (wildcards allowed) that has one, in stream order.
 * Any number of subjects is asked for in pieces of 1,000.
 */
export async function readLastOf(
  nc: NatsConnection,
  stream: ReadableStreamName,
  subjects: string[],
): Promise<Stored[]> {
  const found: Stored[] = []
  for (let at = 0; at < subjects.length; at += MULTI_LAST_LIMIT) {
    found.push(...(await directGet(nc, stream, { multi_last: subjects.slice(at, at + MULTI_LAST_LIMIT) })))
  }
  return subjects.length > MULTI_LAST_LIMIT ? found.sort((a, b) => a.sequence - b.sequence) : found
}

/**
 * All messages on `subject` (wildcards allowed) from sequence `from` on, in stream order, read in bounded pieces.
 */
export async function* readAll(
  nc: NatsConnection,
  stream: ReadableStreamName,
  subject: string,
  from = 1,
): AsyncGenerator<Stored[]> {
  for (let next = from; ; ) {
    const page = await directGet(nc, stream, {
      next_by_subj: subject,
      seq: next,
      batch: 500,
      max_bytes: 8_000_000,
    })
    const last = page.at(-1)
    if (last === undefined) return
    yield page
    next = last.sequence + 1
  }
}

const IDLE_MS = 5_000

function directGet(
  nc: NatsConnection,
  stream: ReadableStreamName,
  request: Record<string, unknown>,
): Promise<Stored[]> {
  const batched = 'multi_last' in request || 'batch' in request
  return new Promise((resolve, reject) => {
    const found: Stored[] = []
    muxOf(nc).requestMany(`$JS.API.DIRECT.GET.${stream}`, JSON.stringify(request), IDLE_MS, (message) => {
      const code = message?.headers?.code ?? 0
      if (message === undefined)
        reject(new QubusError('UNREACHABLE', `the broker did not answer a read of ${stream} in time`))
      else if (code === 404 || code === 204) resolve(found)
      else if (code !== 0 || !message.headers)
        reject(
          new QubusError(
            'UNREACHABLE',
            `a read of ${stream} was refused: ${code} ${message.headers?.description ?? 'no responders'}`,
          ),
        )
      else {
        found.push(toStored(message))
        if (batched) return true
        resolve(found)
      }
      return false
    })
  })
}

function toStored(message: Msg): Stored {
  const header = message.headers
  return {
    subject: header?.get('Nats-Subject') ?? '',
    sequence: Number(header?.get('Nats-Sequence')),
    data: message.data,
    time: header?.get('Nats-Time-Stamp') ?? '',
  }
}
