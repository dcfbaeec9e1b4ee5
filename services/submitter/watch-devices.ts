/** Watches for devices that are gone while circuits wait for them. */
import { listQueues } from './device-queues.ts'
import { type Absences, judgeDevices, noteAbsences } from './judge-devices.ts'
import type { Desk } from './submit-circuit.ts'
import { takeBack } from './take-back.ts'

const LOOK_EVERY_MS = 2_000

/** @param graceSeconds how long a silent device may take to be replaced. */
export function watchDevices(desk: Desk, graceSeconds: number): Disposable {
  let absences: Absences = new Map()
  let heard: string[] = []
  /** How far the commands of a device that is gone were looked at. */
  let looked = new Map<string, number>()
  let busy = false
  const look = async (): Promise<void> => {
    const queues = await listQueues(desk.actor.bus.nc)
    const now = performance.now()
    absences = noteAbsences(absences, desk.devices, queues, heard, now)
    heard = [...desk.devices.keys()]
    const before = looked
    looked = new Map()
    for (const gone of judgeDevices(absences, queues, graceSeconds * 1000, now)) {
      const key = `${gone.device} ${gone.takeBack}`
      const from = Math.max(gone.settledTo, before.get(key) ?? 0)
      looked.set(key, from)
      looked.set(key, await takeBack(desk, gone, from))
    }
  }
  const timer = setInterval(() => {
    if (busy) return
    busy = true
    look()
      .catch((error: unknown) =>
        desk.actor.log.warn({ err: error }, 'looking for devices that are gone failed'),
      )
      .finally(() => {
        busy = false
      })
  }, LOOK_EVERY_MS)
  return { [Symbol.dispose]: () => clearInterval(timer) }
}
