/** Durable consumers of commands: made idempotently by whoever may, used by those who may not. */
import { AckPolicy, DeliverPolicy, jetstreamManager } from '@nats-io/jetstream'
import { type NatsConnection, nanos } from '@nats-io/transport-node'
import { ACK_WAIT_SECONDS, MAX_ACK_PENDING, type StreamName } from '../contract/streams.ts'

/** Makes, or leaves as it is, the consumer `name` on `stream` for what matches `filter`. */
export async function ensureConsumer(
  nc: NatsConnection,
  stream: StreamName,
  name: string,
  filter: string,
): Promise<void> {
  const manager = await jetstreamManager(nc, { checkAPI: false })
  await manager.consumers.add(stream, {
    durable_name: name,
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(ACK_WAIT_SECONDS * 1000),
    max_ack_pending: MAX_ACK_PENDING,
    max_deliver: -1,
    deliver_policy: DeliverPolicy.All,
    filter_subject: filter,
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
