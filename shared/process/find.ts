/** Finds processes by what the kernel knows of them; needs no record, which a crash could have left unwritten. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { bootId, identify, isAlive, type ProcessIdentity, statFields } from './identity.ts'

/**
 * The oldest process that has `wanted` among its arguments, one after the other: an option and a path that only one
 * server may use.
 */
export function findByArguments(...wanted: string[]): ProcessIdentity | undefined {
  const needle = `\0${wanted.join('\0')}\0`
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && commandLine(name).includes(needle))
    .flatMap((name) => identify(Number(name)) ?? [])
    .sort((a, b) => Number(a.start) - Number(b.start) || a.pid - b.pid)[0]
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
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
