/** Notices that files changed, by looking: that also sees editors that put a new file in the place of the old one. */
import { statSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'

/** What each path was like. */
export type Snapshot = ReadonlyMap<string, string>

const LOOK_MS = 100

export function snapshot(paths: Iterable<string>): Snapshot {
  return new Map(Array.from(paths, (path) => [path, likeness(path)]))
}

export function changesBetween(before: Snapshot, after: Snapshot): string[] {
  return [...before.keys()].filter((path) => before.get(path) !== after.get(path))
}

/**
 * Waits until some of them are not as they were, and stay as they are now for a moment.
 * @returns which; none when the signal came first.
 */
export async function nextChanges(before: Snapshot, signal: AbortSignal): Promise<string[]> {
  for (let last = before; !signal.aborted; ) {
    await pause(LOOK_MS, undefined, { signal }).catch(() => {})
    const now = snapshot(before.keys())
    const changes = changesBetween(before, now)
    if (changes.length > 0 && changesBetween(last, now).length === 0) return changes
    last = now
  }
  return []
}

function likeness(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false })
  return found === undefined ? 'none' : `${found.ino} ${found.size} ${found.mtimeMs} ${found.ctimeMs}`
}
