/** Ends what the allocator started: workers and vQPUs, on this host or in jobs elsewhere. */
import { setTimeout as pause } from 'node:timers/promises'
import type { NatsConnection } from '@nats-io/transport-node'
import { readRegistry } from '#shared/bus/registry.ts'
import { CommandReply } from '#shared/contract/control.ts'
import { subject } from '#shared/contract/subjects.ts'
import { decode, encode } from '#shared/wire/message.ts'

/** The allocator gives its jobs 25 s. */
const TIMEOUT_MS = 45_000
const LISTING_MS = 5_000

/** False when no allocator answered: then jobs may be left. */
export async function endJobs(nc: NatsConnection, say: (text: string) => void): Promise<boolean> {
  const allocators = await listAllocators(nc)
  if (allocators.length === 0) return false
  const done = await Promise.all(allocators.map((id) => shutdown(nc, id, say)))
  return done.some((ended) => ended)
}

// A registry that was just restarted may need a heartbeat to fill.
async function listAllocators(nc: NatsConnection): Promise<string[]> {
  const until = performance.now() + LISTING_MS
  for (;;) {
    const { actors } = await readRegistry(nc).catch(() => ({ actors: new Map<string, never>() }))
    const found = [...actors.values()].filter(
      (entry: { name: string; state: string }) => entry.name === 'allocator' && entry.state === 'ready',
    )
    if (found.length > 0 || performance.now() > until) return found.map((entry: { id: string }) => entry.id)
    await pause(200)
  }
}

async function shutdown(nc: NatsConnection, id: string, say: (text: string) => void): Promise<boolean> {
  try {
    const reply = await nc.request(subject.command(id, 'shutdown'), encode({}), { timeout: TIMEOUT_MS })
    const { ok, message } = decode(CommandReply, reply.data)
    if (!ok) say(`${id} could not end all jobs: ${message ?? 'it gave no reason'}`)
    return ok
  } catch (error) {
    say(`${id} did not end its jobs: ${(error as Error).message}`)
    return false
  }
}
