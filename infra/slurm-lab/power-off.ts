/** Ends processes as a loss of power does: all at one moment, so that none can tell anybody of another's end. */
import { setTimeout as pause } from 'node:timers/promises'
import { isAlive, type ProcessIdentity, signalExactly } from '#shared/process/identity.ts'

/** Resolves when nothing that `look` finds runs any more. Answers what was ended. */
export async function powerOff(look: () => ProcessIdentity[]): Promise<ProcessIdentity[]> {
  const ended: ProcessIdentity[] = []
  // What was being started while we looked is found by looking again.
  for (let found = powerOffNow(look); found.length > 0; found = powerOffNow(look)) {
    ended.push(...found)
    while (found.some(isAlive)) await pause(5)
  }
  return ended
}

/** The same without waiting for their end: for a process that is itself about to exit. */
export function powerOffNow(look: () => ProcessIdentity[]): ProcessIdentity[] {
  const frozen = new Map<number, ProcessIdentity>()
  for (let before = -1; before !== frozen.size; ) {
    before = frozen.size
    for (const each of look()) {
      if (frozen.has(each.pid)) continue
      signalExactly(each, 'SIGSTOP', 'process')
      frozen.set(each.pid, each)
    }
  }
  for (const each of frozen.values()) signalExactly(each, 'SIGKILL', 'process')
  return [...frozen.values()]
}
