/** What runs circuits: the virtual QPUs that are alive. */
import { readRegistry } from '../bus/registry.ts'
import type { VqpuEntry } from '../contract/registry.ts'
import type { Session } from './session.ts'

/** By id. */
export async function listDevices({ bus }: Session): Promise<VqpuEntry[]> {
  return [...(await readRegistry(bus.nc)).vqpus.values()].sort((a, b) =>
    a.id.localeCompare(b.id, 'en', { numeric: true }),
  )
}
