/** Durable consumers of commands: made idempotently by whoever may, used by those who may not. */
import { AckPolicy, DeliverPolicy, jetstreamManager } from '@nats-io/jetstream'
import { type NatsConnection, nanos } from '@nats-io/transport-node'
import { ACK_WAIT_SECONDS, MAX_ACK_PENDING, type StreamName } from '../contract/streams.ts'

/**
 * Makes the consumer `name` on `stream` for what matches `filter`. One that is there keeps its place in the stream, and
 * what it holds.
 * @param maxAckPending what it may hold un-acked; that of one that is there is changed to it.
 * @throws Error when the broker refuses it or does not answer.
 */
export async function ensureConsumer(
  nc: NatsConnection,
  stream: StreamName,
  name: string,
  filter: string,
  maxAckPending: number = MAX_ACK_PENDING,
): Promise<void> {
  // The client's own way makes or updates, never what is needed of both.
  await ask(nc, `CONSUMER.CREATE.${stream}.${name}.${filter}`, {
    stream_name: stream,
    config: {
      durable_name: name,
      ack_policy: AckPolicy.Explicit,
      ack_wait: nanos(ACK_WAIT_SECONDS * 1000),
      max_ack_pending: maxAckPending,
      max_deliver: -1,
      deliver_policy: DeliverPolicy.All,
      filter_subject: filter,
    },
  })
}

export async function deleteConsumer(nc: NatsConnection, stream: StreamName, name: string): Promise<void> {
  const manager = await jetstreamManager(nc, { checkAPI: false })
  await manager.consumers.delete(stream, name).catch(() => {})
}

export type Backlog = { waiting: number; running: number }

/** What a consumer has not delivered yet, and what was delivered and not acked; undefined when it does not exist. */
export async function backlogOf(
  nc: NatsConnection,
  stream: StreamName,
  name: string,
): Promise<Backlog | undefined> {
  const reply = await nc.request(`$JS.API.CONSUMER.INFO.${stream}.${name}`, '', { timeout: 5_000 })
  const info = JSON.parse(reply.string()) as { error?: unknown; num_pending: number; num_ack_pending: number }
  return info.error ? undefined : { waiting: info.num_pending, running: info.num_ack_pending }
}

export type ConsumerFacts = { name: string; maxAckPending: number; ackPending: number; pending: number }

/** The consumers of a stream, and how much each holds and waits for. @throws Error when the broker does not answer. */
export async function listConsumers(nc: NatsConnection, stream: StreamName): Promise<ConsumerFacts[]> {
  const found: ConsumerFacts[] = []
  for (;;) {
    const page = (await ask(nc, `CONSUMER.LIST.${stream}`, { offset: found.length })) as ConsumerPage
    for (const { name, config, num_ack_pending, num_pending } of page.consumers ?? [])
      found.push({
        name,
        maxAckPending: config.max_ack_pending ?? 0,
        ackPending: num_ack_pending,
        pending: num_pending,
      })
    if (found.length >= page.total || !page.consumers?.length) return found
  }
}

/** Only their names: cheap. @throws Error when the broker does not answer. */
export async function consumerNames(nc: NatsConnection, stream: StreamName): Promise<string[]> {
  const found: string[] = []
  for (;;) {
    const page = (await ask(nc, `CONSUMER.NAMES.${stream}`, { offset: found.length })) as NamesPage
    found.push(...(page.consumers ?? []))
    if (found.length >= page.total || !page.consumers?.length) return found
  }
}

type NamesPage = { total: number; consumers?: string[] | null }
type ConsumerPage = {
  total: number
  consumers?:
    | { name: string; config: { max_ack_pending?: number }; num_ack_pending: number; num_pending: number }[]
    | null
}

async function ask(nc: NatsConnection, call: string, body: object): Promise<unknown> {
  const reply = await nc.request(`$JS.API.${call}`, JSON.stringify(body), { timeout: 5_000 })
  const answer = JSON.parse(reply.string()) as { error?: { description: string } }
  if (answer.error) throw new Error(`${call}: ${answer.error.description}`)
  return answer
}
