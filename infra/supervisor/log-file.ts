/** Log files of supervised processes: 0600, moved aside at a start when they have grown large. */
import { closeSync, openSync, readSync, renameSync, statSync } from 'node:fs'

const LARGE_BYTES = 32 * 1024 ** 2

/** A descriptor to append to; the caller closes it. */
export function openLog(path: string): number {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0
  if (size > LARGE_BYTES) renameSync(path, `${path}.1`)
  return openSync(path, 'a', 0o600)
}

/** The last lines, from at most 8 KiB. */
export function tailOf(path: string, lines = 15): string {
  try {
    const descriptor = openSync(path, 'r')
    try {
      const size = statSync(path).size
      const buffer = Buffer.alloc(Math.min(size, 8192))
      readSync(descriptor, buffer, 0, buffer.length, Math.max(0, size - buffer.length))
      return buffer.toString('utf8').trimEnd().split('\n').slice(-lines).join('\n')
    } finally {
      closeSync(descriptor)
    }
  } catch {
    return ''
  }
}
