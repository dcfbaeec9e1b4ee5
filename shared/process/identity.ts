/** Which process exactly: a pid alone is given to another one sooner or later. */
import { readFileSync } from 'node:fs'

/** `start` is the kernel's start time in ticks since boot; with the boot it belongs to, it makes a pid unique. */
export type ProcessIdentity = { pid: number; start: string; boot: string }

export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
}

/** The process that has this pid now; undefined when there is none or it is a zombie. */
export function identify(pid: number, boot: string = bootId()): ProcessIdentity | undefined {
  const fields = statFields(pid)
  const [state, start] = [fields?.[0], fields?.[19]]
  if (state === undefined || start === undefined || state === 'Z' || state === 'X') return undefined
  return { pid, start, boot }
}

/** Whether exactly this process still runs. */
export function isAlive(identity: ProcessIdentity): boolean {
  return identity.boot === bootId() && identify(identity.pid, identity.boot)?.start === identity.start
}

/** Sends `signal` to exactly this process, or to its process group. False when it is gone. */
export function signalExactly(
  identity: ProcessIdentity,
  signal: NodeJS.Signals,
  to: 'process' | 'group',
): boolean {
  if (!isAlive(identity)) return false
  try {
    process.kill(to === 'group' ? -identity.pid : identity.pid, signal)
    return true
  } catch {
    return false
  }
}

/** What the kernel says of a process from its state on: the name before stands in parentheses and may hold anything. */
export function statFields(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch {
    return undefined
  }
}
