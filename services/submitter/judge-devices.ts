/**
 * Which devices are gone, with circuits left behind: a pure decision from what is heard and what is queued. An entry
 * that vanished proves little (a partition, a host that is being replaced), so circuits that could as well run
 * elsewhere go first, and those that named the device wait for its replacement.
 */
import type { VqpuEntry } from '#shared/contract/registry.ts'
import { REGISTRY_TTL_SECONDS } from '#shared/contract/streams.ts'
import type { DeviceQueue } from './device-queues.ts'

/** `takeBack`: circuits that were routed here by choice, or also those that asked for this very device. */
export type Gone = { device: string; takeBack: 'chosen' | 'all'; why: string; settledTo: number }

/** Since when a device is silent, or why it says that it has ended. Milliseconds of a clock that does not jump. */
export type Absence = { since: number; ended: string | undefined }
export type Absences = ReadonlyMap<string, Absence>

/** A host that was replaced may say `ended` after its replacement said `ready`; the next heartbeat puts that right. */
const ENDED_FOR_MS = 4_000
/** Counted from when its entry vanished, which was one time to live after its last sign. */
const SILENT_FOR_MS = REGISTRY_TTL_SECONDS * 1000
/** A silent device without a queue is remembered this long: its circuits may still be on their way. */
const REMEMBERED_MS = 10 * SILENT_FOR_MS

/**
 * Brings the absences up to date. The queue of a pool is no device: whoever joins the pool takes from it.
 * @param heard devices that gave a sign of life the last time: their queues may be gone with them.
 */
export function noteAbsences(
  before: Absences,
  devices: ReadonlyMap<string, VqpuEntry>,
  queues: readonly DeviceQueue[],
  heard: Iterable<string>,
  now: number,
): Absences {
  const waitedFor = new Set(queues.filter((each) => each.outstanding > 0).map((each) => each.device))
  const ended = [...devices.values()].filter((each) => each.state === 'ended').map((each) => each.id)
  const after = new Map<string, Absence>()
  for (const device of new Set([...waitedFor, ...ended, ...heard, ...before.keys()])) {
    const entry = devices.get(device)
    const known = before.get(device)
    if (device.startsWith('pool-') || (entry !== undefined && entry.state !== 'ended')) continue
    const since = known?.since ?? now
    if (entry === undefined && !waitedFor.has(device) && now - since > REMEMBERED_MS) continue
    after.set(device, { since, ended: entry === undefined ? known?.ended : (entry.why ?? 'it was stopped') })
  }
  return after
}

export function judgeDevices(
  absences: Absences,
  queues: readonly DeviceQueue[],
  graceMs: number,
  now: number,
): Gone[] {
  const gone: Gone[] = []
  for (const [device, { since, ended }] of absences) {
    const queue = queues.find((each) => each.device === device)
    const settledTo = queue?.settledTo ?? 0
    const silentMs = now - since
    if (ended !== undefined) {
      if (silentMs >= ENDED_FOR_MS)
        gone.push({ device, takeBack: 'all', why: `it has ended: ${ended}`, settledTo })
    } else if (silentMs >= SILENT_FOR_MS) {
      const why = `nothing was heard of it for ${Math.round(silentMs / 1000)} s`
      // Without a queue the allocator has given it up: no replacement will come.
      const final = queue === undefined || silentMs >= SILENT_FOR_MS + graceMs
      gone.push({ device, takeBack: final ? 'all' : 'chosen', why, settledTo })
    }
  }
  return gone
}
