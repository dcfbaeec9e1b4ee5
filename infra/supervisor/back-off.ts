/** How long to wait before something that died is started again. */

const FIRST_MS = 100
const MOST_MS = 5_000
/** Who lived this long starts again at once. */
const HEALTHY_MS = 30_000

/** @param previousMs the wait before the start that now ended; 0 for the first. */
export function nextDelay(previousMs: number, aliveMs: number): number {
  if (aliveMs >= HEALTHY_MS || previousMs === 0) return FIRST_MS
  return Math.min(MOST_MS, previousMs * 2)
}
