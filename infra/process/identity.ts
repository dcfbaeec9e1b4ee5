/** Which process is ours: a pid alone is used again by others. */
import { readdirSync, readFileSync } from 'node:fs'

export type ProcessIdentity = { pid: number; startTicks: string }

/** The identity of a live process, undefined for none; a zombie is none. */
export function identify(pid: number): ProcessIdentity | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The second field is the program's name in brackets, which may hold spaces and brackets.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined
    return { pid, startTicks: fields[19] ?? '' }
  } catch {
    return undefined
  }
}

export function isAlive(process: ProcessIdentity): boolean {
  return identify(process.pid)?.startTicks === process.startTicks
}

/**
 * The oldest process that has `wanted` among its arguments, one after the other: an option and a path that only one
 * server may use. Needs no record, which a crash could have left unwritten.
 */
export function findByArguments(...wanted: string[]): ProcessIdentity | undefined {
  const needle = `\0${wanted.join('\0')}\0`
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && commandLine(name).includes(needle))
    .flatMap((name) => identify(Number(name)) ?? [])
    .sort((a, b) => Number(a.startTicks) - Number(b.startTicks) || a.pid - b.pid)[0]
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}
