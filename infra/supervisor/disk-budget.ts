/** How much disk the streams may take. */
import { statfs } from 'node:fs/promises'
import type { NatsConnection } from '@nats-io/transport-node'

const MOST_BYTES = 64 * 1024 ** 3

/** Half of what is free or taken by the streams already, so that the figure stays as they fill; at most 64 GiB. */
export async function streamBudget(folder: string, nc: NatsConnection): Promise<number> {
  const { bavail, bsize } = await statfs(folder)
  const reply = await nc.request('$JS.API.INFO', '', { timeout: 5_000 })
  const { storage = 0 } = JSON.parse(reply.string()) as { storage?: number }
  return Math.min(MOST_BYTES, Math.floor((bavail * bsize + storage) / 2))
}
