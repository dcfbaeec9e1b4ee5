/**
 * Connections of one client one after the other. A broker that was killed may have lost the end of a stream that is not
 * synced, and gives the sequences there out anew: an ack of what was delivered before would take another message.
 */
import type { NatsConnection } from '@nats-io/transport-node'

const epochs = new WeakMap<NatsConnection, number>()

/** Changes whenever the connection is lost. */
export function epochOf(nc: NatsConnection): number {
  return epochs.get(nc) ?? 0
}

export function nextEpoch(nc: NatsConnection): void {
  epochs.set(nc, epochOf(nc) + 1)
}
