/** A timer for a time that may be further ahead than the runtime's timers reach (25 days). */

const LONGEST_MS = 2 ** 31 - 1

export type LongTimer = { clear(): void }

/** Calls `then` at `dueAt` (Unix milliseconds), at once when that is past. */
export function setLongTimer(dueAt: number, then: () => void): LongTimer {
  let timer: NodeJS.Timeout | undefined
  const arm = (): void => {
    const wait = dueAt - Date.now()
    if (wait <= 0) return then()
    timer = setTimeout(arm, Math.min(wait, LONGEST_MS))
  }
  arm()
  return { clear: () => clearTimeout(timer) }
}
