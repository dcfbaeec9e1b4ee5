/** What results asks of a stream as a whole. */
import { type NatsConnection, nuid } from '@nats-io/transport-node'
import type { ReadableStreamName } from '#shared/bus/direct.ts'
import { QubusError } from '#shared/contract/errors.ts'
import type { StreamName } from '#shared/contract/streams.ts'
import type { StreamFacts } from './positions.ts'

export async function streamFacts(nc: NatsConnection, stream: StreamName): Promise<StreamFacts> {
  const info = (await ask(nc, `STREAM.INFO.${stream}`)) as { created: string; state: { last_seq: number } }
  return { created: info.created, lastSequence: info.state.last_seq }
}

/** Removes what matches `filter`, but nothing after `sequence`. */
export async function purgeUpTo(
  nc: NatsConnection,
  stream: ReadableStreamName,
  filter: string,
  sequence?: number,
): Promise<void> {
  await ask(nc, `STREAM.PURGE.${stream}`, {
    filter,
    ...(sequence === undefined ? {} : { seq: sequence + 1 }),
  })
}

/** How full a stream is, 0 to 1; 0 for one without a bound. */
export async function fillOf(nc: NatsConnection, stream: ReadableStreamName): Promise<number> {
  const info = (await ask(nc, `STREAM.INFO.${stream}`)) as {
    config: { max_bytes: number }
    state: { bytes: number }
  }
  return info.config.max_bytes > 0 ? info.state.bytes / info.config.max_bytes : 0
}

/** The subjects of a stream that match `filter`, each once; a page of the broker's at a time. */
export async function* subjectsOf(
  nc: NatsConnection,
  stream: ReadableStreamName,
  filter: string,
): AsyncGenerator<string[]> {
  for (let offset = 0; ; ) {
    const info = (await ask(nc, `STREAM.INFO.${stream}`, { subjects_filter: filter, offset })) as {
      state: { subjects?: Record<string, number> }
      total?: number
    }
    const subjects = Object.keys(info.state.subjects ?? {})
    if (subjects.length > 0) yield subjects
    offset += subjects.length
    if (subjects.length === 0 || offset >= (info.total ?? 0)) return
  }
}

/** Removes messages that were stored before `time` (Unix milliseconds). */
export async function purgeBefore(
  nc: NatsConnection,
  stream: StreamName,
  filter: string,
  time: number,
): Promise<void> {
  const { lastSequence } = await streamFacts(nc, stream)
  const question = { next_by_subj: filter, start_time: new Date(time).toISOString() }
  const reply = await nc.request(`$JS.API.DIRECT.GET.${stream}`, JSON.stringify(question), {
    timeout: 10_000,
  })
  const next = Number(reply.headers?.get('Nats-Sequence') ?? 0)
  // None is younger than the time: all that were there go.
  if (next > 0) await purgeUpTo(nc, stream, filter, next - 1)
  else if (reply.headers?.code === 404) await purgeUpTo(nc, stream, filter, lastSequence)
}

/** Whether it was there. */
export async function deleteMessage(
  nc: NatsConnection,
  stream: ReadableStreamName,
  sequence: number,
): Promise<boolean> {
  const body = JSON.stringify({ seq: sequence, no_erase: true })
  const reply = await nc.request(`$JS.API.STREAM.MSG.DELETE.${stream}`, body, { timeout: 10_000 })
  return (JSON.parse(reply.string()) as { success?: boolean }).success === true
}

/** How many messages that match one of `filters` come after `sequence`. */
export async function countAfter(
  nc: NatsConnection,
  stream: StreamName,
  filters: string[],
  sequence: number,
): Promise<number> {
  const name = `count-${nuid.next()}`
  const config = {
    name,
    ack_policy: 'none',
    deliver_policy: 'by_start_sequence',
    opt_start_seq: sequence + 1,
    ...(filters.length === 1 ? { filter_subject: filters[0] } : { filter_subjects: filters }),
    mem_storage: true,
    num_replicas: 1,
    inactive_threshold: 5e9,
  }
  const suffix = filters.length === 1 ? `.${filters[0]}` : ''
  const made = (await ask(nc, `CONSUMER.CREATE.${stream}.${name}${suffix}`, {
    stream_name: stream,
    config,
    action: 'create',
  })) as {
    num_pending: number
  }
  await ask(nc, `CONSUMER.DELETE.${stream}.${name}`).catch(() => {})
  return made.num_pending
}

async function ask(nc: NatsConnection, call: string, body?: unknown): Promise<unknown> {
  const reply = await nc.request(`$JS.API.${call}`, body === undefined ? '' : JSON.stringify(body), {
    timeout: 10_000,
  })
  const json = JSON.parse(reply.string()) as { error?: { err_code: number; description: string } }
  if (json.error)
    throw new QubusError('UNREACHABLE', `the broker refused ${call}: ${json.error.description}`, {
      facts: { code: json.error.err_code },
    })
  return json
}
