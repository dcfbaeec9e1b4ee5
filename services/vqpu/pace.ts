/** How many circuits a host runs at once and holds ready: enough to hide the broker's latency, too few to hoard. */

export type Pace = {
  /** Given to the engine at once. */
  running: number
  /** Held besides, not begun. */
  ahead: number
}

/** A host holds about this much work that it has not begun: an idle host of the pool waits no longer for its share. */
const AHEAD_SECONDS = 0.05
/** With the circuits whose outcome is being written it stays far below what one consumer may hold un-acked. */
const MOST_AHEAD = 256
/** Shorter than this, the way to the engine's thread and back costs as much as the circuit: keep a few on the way. */
const SHORT_SECONDS = 0.005
const ON_THE_WAY = 8

/** @param meanSeconds how long circuits took lately; undefined when none ran. */
export function paceFor(threads: number, meanSeconds: number | undefined): Pace {
  if (meanSeconds === undefined) return { running: threads, ahead: threads }
  const ahead = Math.floor((threads * AHEAD_SECONDS) / Math.max(meanSeconds, 1e-6))
  return {
    running: meanSeconds < SHORT_SECONDS ? threads * ON_THE_WAY : threads,
    ahead: Math.min(MOST_AHEAD, ahead),
  }
}

/** A running mean that follows a change within about five circuits. */
export function meanAfter(mean: number | undefined, seconds: number): number {
  return mean === undefined ? seconds : mean + (seconds - mean) / 5
}
