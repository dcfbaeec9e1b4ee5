/** How much a worker holds, and how much it hands to a thread at once: decided from how long tasks took lately. */

/** A worker holds about this much work that it has not begun: an idle worker of the pool waits no longer for its share. */
const AHEAD_MS = 100
/** Below what one consumer may hold un-acked (1,000), since several workers share it. */
const MOST_HELD = 800
/** A thread gets this much at once: what is behind a task that turns out long waits for it. */
const CHUNK_MS = 5
const MOST_IN_CHUNK = 64

/**
 * How many commands a worker may hold: as many as can run, and of short ones what keeps it busy until more come. Of long
 * ones, and while it is not known how long they take, none ahead: another worker may be idle.
 * @param slots how many can run at once. @param meanMs undefined when nothing ran yet.
 */
export function holdLimit(slots: number, meanMs: number | undefined): number {
  if (meanMs === undefined || slots === 0) return slots
  const ahead = Math.floor((slots * AHEAD_MS) / Math.max(meanMs, 0.05))
  return slots + Math.max(0, Math.min(MOST_HELD - slots, ahead))
}

/** How many tasks of one kind go to a thread at once. @param meanMs of that kind; undefined when it never ran. */
export function chunkLimit(meanMs: number | undefined, queued: number, slots: number): number {
  if (meanMs === undefined) return 1
  const fitting = Math.floor(CHUNK_MS / Math.max(meanMs, 0.02))
  return Math.max(1, Math.min(MOST_IN_CHUNK, fitting, Math.ceil(queued / slots)))
}

/** A running mean that follows a change within a few tasks. */
export function meanAfter(mean: number | undefined, ms: number): number {
  return mean === undefined ? ms : mean + (ms - mean) / 8
}
