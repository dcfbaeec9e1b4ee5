/** How much memory a process, or a process group, has in use. */
import { readdirSync, readFileSync } from 'node:fs'
import { statFields } from '#shared/process/identity.ts'

/** Resident bytes; 0 when it is gone. */
export function residentBytes(pid: number): number {
  try {
    const [, kib = '0'] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? []
    return Number(kib) * 1024
  } catch {
    return 0
  }
}

/** Of all processes of a group. Pages that they share count for each. */
export function groupResidentBytes(group: number): number {
  let bytes = 0
  for (const name of readdirSync('/proc')) {
    const pid = Number(name)
    // After the name: state, parent, process group.
    if (pid > 0 && statFields(pid)?.[2] === String(group)) bytes += residentBytes(pid)
  }
  return bytes
}
