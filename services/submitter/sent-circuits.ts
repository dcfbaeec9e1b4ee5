/** How many circuits went to each device since its last heartbeat, whose own figures can't know of them. */
import type { VqpuEntry } from '#shared/contract/registry.ts'

export type SentCircuits = { add(device: string): void; to(device: string): number }

/** @param devices the registry's view: each heartbeat puts a new entry there. */
export function countSent(devices: ReadonlyMap<string, VqpuEntry>): SentCircuits {
  const counts = new Map<string, { since: VqpuEntry | undefined; count: number }>()
  const to = (device: string): number => {
    const counted = counts.get(device)
    return counted === undefined || counted.since !== devices.get(device) ? 0 : counted.count
  }
  return {
    to,
    add: (device) => void counts.set(device, { since: devices.get(device), count: to(device) + 1 }),
  }
}
