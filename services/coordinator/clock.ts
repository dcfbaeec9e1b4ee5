/** What time it is, and a call when it is later: so that a simulation can have a time of its own. */

export type Timer = { clear(): void }

export type Clock = {
  /** Unix milliseconds. */
  now(): number
  /** Calls `then` at `dueAt` (Unix milliseconds), at once when that is past. */
  at(dueAt: number, then: () => void): Timer
}

/** The runtime's timers reach no further (25 days). */
const LONGEST_MS = 2 ** 31 - 1

/** A clock by `now`. `moved` is to be called when that has jumped: what is waited for is due earlier or later then. */
export function clockBy(now: () => number): Clock & { moved(): void } {
  const waiting = new Set<() => void>()
  return {
    now,
    at(dueAt, then) {
      let timer: NodeJS.Timeout | undefined
      const arm = (): void => {
        clearTimeout(timer)
        const wait = dueAt - now()
        if (wait > 0) {
          timer = setTimeout(arm, Math.min(wait, LONGEST_MS))
          return
        }
        waiting.delete(arm)
        then()
      }
      waiting.add(arm)
      arm()
      return {
        clear() {
          waiting.delete(arm)
          clearTimeout(timer)
        },
      }
    },
    moved() {
      for (const arm of [...waiting]) if (waiting.has(arm)) arm()
    },
  }
}
