/** What results asks of a stream as a whole. */
import { type NatsConnection, nuid } from '@nats-io/transport-node'
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
  stream: StreamName,
  filter: string,
  sequence?: number,
): Promise<void> {
  await ask(nc, `STREAM.PURGE.${stream}`, {
    filter,
    ...(sequence === undefined ? {} : { seq: sequence + 1 }),
  })
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
