/** Asks a vQPU to drain, again and again, until it has ended. */
import type { NatsConnection } from '@nats-io/transport-node'
import { readRegistry } from '#shared/bus/registry.ts'
import { subject } from '#shared/contract/subjects.ts'

const LOOK_EVERY_MS = 200
const ANSWER_MS = 2_000

/** @param wanted whether anybody still waits for it. Resolves with whether the device has ended. */
export async function drainDevice(
  nc: NatsConnection,
  device: string,
  wanted: () => boolean,
): Promise<boolean> {
  while (wanted()) {
    const vqpus = (await readRegistry(nc).catch(() => undefined))?.vqpus
    if (vqpus !== undefined && (vqpus.get(device)?.state ?? 'ended') === 'ended') return true
    await nc.request(subject.command(device, 'drain'), '', { timeout: ANSWER_MS }).catch(() => undefined)
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
  }
  return false
}
