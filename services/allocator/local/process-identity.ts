/** Which process exactly: a pid alone is given to another one sooner or later. */
import { readdirSync, readFileSync, statSync } from 'node:fs'

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

/** Processes of our user whose environment at their start held exactly `name=value`. */
export function processesWith(name: string, value: string): ProcessIdentity[] {
  const boot = bootId()
  const wanted = Buffer.from(`\0${name}=${value}\0`)
  const found: ProcessIdentity[] = []
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry) || Number(entry) === process.pid) continue
    // Identified before and checked after: what is read in between is of one process.
    const before = identify(Number(entry), boot)
    if (before === undefined || !ownEnvironment(entry)?.includes(wanted)) continue
    if (isAlive(before)) found.push(before)
  }
  return found
}

/** The leader of its session among {@link processesWith}: the process that was started as the job. */
export function leaderWith(name: string, value: string): ProcessIdentity | undefined {
  return processesWith(name, value).find(({ pid }) => statFields(pid)?.[3] === String(pid))
}

function ownEnvironment(pid: string): Buffer | undefined {
  try {
    if (statSync(`/proc/${pid}`).uid !== process.getuid?.()) return undefined
    const content = readFileSync(`/proc/${pid}/environ`)
    return Buffer.concat([Buffer.from([0]), content, Buffer.from([0])])
  } catch {
    return undefined
  }
}

// The program's name stands in parentheses and may hold anything, so fields are counted from the last one.
function statFields(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch {
    return undefined
  }
}
