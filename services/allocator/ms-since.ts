/** Clocks of hosts that are in order may differ by so much. */
const SKEW_MS = 5_000

/**
 * Milliseconds from `at` to `now` (Unix milliseconds both). A time that lies ahead was taken while a clock was off: then
 * nobody knows how long ago it was, and nothing waits for that time to come (Infinity).
 */
export function msSince(at: number, now: number): number {
  return at - now > SKEW_MS ? Number.POSITIVE_INFINITY : Math.max(0, now - at)
}
