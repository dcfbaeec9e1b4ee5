/**
 * Watches for a store that the broker has given up: after one write that failed, as on a full disk, it refuses all
 * others until it is started again, however much room there is by then (nats-server 2.15, `fs.werr`).
 */
import { closeSync, openSync, readSync, statfsSync, statSync } from 'node:fs'

export type WatchOptions = {
  /** The broker's log. */
  log: string
  /** A folder on the disk that the store is on. */
  store: string
  /** Called once, when it has given up and there is room again. */
  onRoom(): void
}

const LOOK_MS = 1_000
/** With less it would soon be where it was. */
const ROOM_BYTES = 64 * 1024 ** 2

/** Returns what ends the watch. */
export function watchStore({ log, store, onRoom }: WatchOptions): () => void {
  let read = sizeOf(log)
  let givenUp = false
  const timer = setInterval(() => {
    const size = sizeOf(log)
    // It was moved aside when it had grown large.
    if (size < read) read = 0
    givenUp ||= saysGivenUp(readFrom(log, read, size))
    read = size
    if (!givenUp || freeBytes(store) < ROOM_BYTES) return
    clearInterval(timer)
    onRoom()
  }, LOOK_MS)
  timer.unref()
  return () => clearInterval(timer)
}

/** Whether lines of the broker's log tell of a write that failed. */
export function saysGivenUp(lines: string): boolean {
  return /no space left on device|disk quota exceeded|Critical write error/.test(lines)
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0
}

/** What is enough to see such a line: they come again with every message. */
const MOST_BYTES = 256 * 1024

function readFrom(file: string, from: number, to: number): string {
  if (to <= from) return ''
  const descriptor = openSync(file, 'r')
  try {
    const buffer = Buffer.alloc(Math.min(to - from, MOST_BYTES))
    readSync(descriptor, buffer, 0, buffer.length, to - buffer.length)
    return buffer.toString('utf8')
  } finally {
    closeSync(descriptor)
  }
}

function freeBytes(folder: string): number {
  try {
    const { bavail, bsize } = statfsSync(folder)
    return bavail * bsize
  } catch {
    // It can't be told: better not touched.
    return 0
  }
}
