/** When a host with a walltime must stop taking circuits, and when it must be gone. Times are Unix milliseconds. */

export type Walltime = {
  /** No circuit is begun after this. */
  drainAt: number
  /** What still runs now is handed back. */
  stopAt: number
  endsAt: number
}

/**
 * A tenth of the walltime, between 1 and 30 s, is left to finish; a tenth of that, between 0.3 and 3 s, to say so.
 * @param seconds the walltime that was asked for.
 * @param jobEndsAt when the scheduler ends the job: whichever comes first counts.
 */
export function walltimeOf(startedAt: number, seconds?: number, jobEndsAt?: number): Walltime | undefined {
  if (seconds === undefined && jobEndsAt === undefined) return undefined
  const endsAt = Math.min(startedAt + (seconds ?? Infinity) * 1000, jobEndsAt ?? Infinity)
  const margin = clamp((endsAt - startedAt) / 10, 1_000, 30_000)
  return { drainAt: endsAt - margin, stopAt: endsAt - clamp(margin / 10, 300, 3_000), endsAt }
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value))
}

// A timer set further ahead fires at once.
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** Calls back when it is time to drain and when it is time to go. */
export function watchWalltime(
  { drainAt, stopAt }: Walltime,
  drain: () => void,
  stop: () => void,
): Disposable {
  const after = (at: number, act: () => void) => setTimeout(act, clamp(at - Date.now(), 0, LONGEST_TIMER_MS))
  const timers = [after(drainAt, drain), after(stopAt, stop)]
  return {
    [Symbol.dispose]() {
      for (const timer of timers) clearTimeout(timer)
    },
  }
}
