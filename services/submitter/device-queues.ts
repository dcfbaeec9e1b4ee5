/** The queues of all devices: how much is in each that nobody has settled. */
import type { NatsConnection } from '@nats-io/transport-node'
import { CONSUMER, STREAM } from '#shared/contract/streams.ts'

/** `settledTo`: everything up to this place in the stream was acked. */
export type DeviceQueue = { device: string; outstanding: number; settledTo: number }

type Info = {
  name: string
  num_pending: number
  num_ack_pending: number
  ack_floor: { stream_seq: number }
}

const PREFIX = CONSUMER.circuits('')

export async function listQueues(nc: NatsConnection): Promise<DeviceQueue[]> {
  const found: Info[] = []
  for (let total = 1; found.length < total; ) {
    const reply = await nc.request(
      `$JS.API.CONSUMER.LIST.${STREAM.circuits}`,
      JSON.stringify({ offset: found.length }),
      {
        timeout: 5_000,
      },
    )
    const page = JSON.parse(reply.string()) as { total?: number; consumers?: Info[] }
    if (page.consumers === undefined || page.consumers.length === 0) break
    found.push(...page.consumers)
    total = page.total ?? 0
  }
  return found
    .filter((each) => each.name.startsWith(PREFIX))
    .map((each) => ({
      device: each.name.slice(PREFIX.length),
      outstanding: each.num_pending + each.num_ack_pending,
      settledTo: each.ack_floor.stream_seq,
    }))
}
