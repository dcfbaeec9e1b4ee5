/**
 * How many commands may be in a queue at once: enough that nobody who serves it is idle, few enough that one who comes
 * now waits no longer than a quarter of a second. Pure: it goes by how long commands waited until they were begun, as
 * congestion control does (grow while they are begun at once, give way when they wait).
 */

export type LaneBudget = {
  /** Commands that may be in the queue or in somebody's hands. */
  size: number
  /** When it last gave way, in Unix milliseconds. */
  shrunkAt: number
}

/** A command that waits longer than this says that there are too many. */
const TARGET_MS = 250
const MOST = 2_000
/** Where nobody is known to serve the queue: enough to be worth coming for. */
const UNSERVED = 16

/** @param places how many can be under way at once; undefined when that is not known. */
export function leastBudget(places: number | undefined): number {
  return places === undefined || places === 0 ? UNSERVED : Math.min(MOST, places + 1 + Math.ceil(places / 4))
}

/**
 * After a command was begun.
 * @param waitedMs from when it was sent until it was begun.
 * @param full whether the budget kept others back meanwhile: one that is not used up need not grow.
 */
export function budgetAfter(
  budget: LaneBudget,
  least: number,
  waitedMs: number,
  full: boolean,
  now: number,
): LaneBudget {
  if (waitedMs <= TARGET_MS / 2) {
    if (!full || budget.size >= MOST) return budget
    return { ...budget, size: budget.size + 1 }
  }
  // What was sent before the last step back knows nothing of it yet.
  if (waitedMs <= TARGET_MS || now - budget.shrunkAt < waitedMs) return budget
  const size = Math.floor(budget.size * Math.max(0.5, TARGET_MS / waitedMs))
  return { size: Math.max(least, size), shrunkAt: now }
}
