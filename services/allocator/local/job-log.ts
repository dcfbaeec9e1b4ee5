/** What a job prints: appended to a file of bounded size. */
import { closeSync, constants, copyFileSync, fstatSync, ftruncateSync, openSync, readSync } from 'node:fs'

const MAX_BYTES = 8 * 1024 ** 2

/** A descriptor to give to the job as stdout and stderr; the caller closes its own copy. */
export function openJobLog(path: string): number {
  return openSync(path, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT, 0o600)
}

/**
 * Keeps one older piece beside a log that has grown too long. The job goes on writing to the same file: it appends, so
 * after the cut it writes at the new end. Lines printed between the copy and the cut are lost.
 */
export function rotateJobLog(path: string, maxBytes: number = MAX_BYTES): void {
  let file: number
  try {
    file = openSync(path, 'r+')
  } catch {
    return
  }
  try {
    if (fstatSync(file).size <= maxBytes) return
    copyFileSync(path, `${path}.1`)
    ftruncateSync(file, 0)
  } finally {
    closeSync(file)
  }
}

/** The end of the log, from a whole line on where it was cut. */
export function tailJobLog(path: string, bytes: number): string {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch {
    return ''
  }
  try {
    const { size } = fstatSync(file)
    const buffer = Buffer.alloc(Math.min(size, bytes))
    const read = readSync(file, buffer, 0, buffer.length, size - buffer.length)
    const text = buffer.toString('utf8', 0, read)
    return size > bytes ? text.slice(text.indexOf('\n') + 1) : text
  } finally {
    closeSync(file)
  }
}
