/**
 * The queues that this coordinator's runs have commands for. What is more than a queue should hold waits here, run by
 * run, so that a run of one step beside one of 100,000 has its turn next.
 */
import type { Clock } from '../clock.ts'
import { budgetAfter, type LaneBudget, leastBudget } from './lane-budget.ts'
import { type Source, Turns } from './turns.ts'

/** What has its turn. */
export type Turn = { go(): void }

export type LaneOptions = {
  clock: Clock
  /** How many can be under way at once in this lane; undefined when that is not known. */
  placesOf(lane: string): number | undefined
}

type Lane = {
  turns: Turns<Turn>
  budget: LaneBudget
  /** What the budget never goes below, by the places that there were when it was last looked at. */
  least: number
  outstanding: number
  giving: boolean
}

export const laneOf = {
  task: (pool: string, shape: string) => `task ${pool} ${shape}`,
  circuit: (device: string) => `circuit ${device}`,
  limit: (name: string) => `limit ${name}`,
  /** Sub-flows wait for each other's sub-flows: each run has a window of its own. */
  flows: (run: string) => `flows ${run}`,
} as const

/** Sub-flows of one run that are under way at once. */
const FLOWS_OF_RUN = 256

export class Lanes {
  readonly #options: LaneOptions
  readonly #lanes = new Map<string, Lane>()

  constructor(options: LaneOptions) {
    this.#options = options
  }

  add(name: string, run: string, priority: number, source: Source<Turn>): void {
    const lane = this.#lane(name)
    lane.turns.add(run, priority, source)
    this.#give(lane)
  }

  /** What had its turn is over, or will not be: its place is free. */
  release(name: string): void {
    const lane = this.#lanes.get(name)
    if (lane === undefined) return
    lane.outstanding--
    if (!lane.turns.empty) this.#give(lane)
    else if (lane.outstanding === 0 && isTransient(name)) this.#lanes.delete(name)
  }

  /** It was begun, so long after it had its turn. */
  begun(name: string, waitedMs: number): void {
    const lane = this.#lanes.get(name)
    if (lane === undefined || isFixed(name)) return
    const before = lane.budget.size
    lane.budget = budgetAfter(lane.budget, lane.least, waitedMs, !lane.turns.empty, this.#options.clock.now())
    if (lane.budget.size > before) this.#give(lane)
  }

  /** Forgets what a run still has to wait for. */
  drop(run: string): void {
    for (const [name, lane] of this.#lanes) {
      lane.turns.drop(run)
      if (lane.turns.empty && lane.outstanding === 0 && isTransient(name)) this.#lanes.delete(name)
    }
  }

  /** More can be under way than before, perhaps. */
  look(): void {
    for (const [name, lane] of this.#lanes) {
      this.#measure(name, lane)
      if (!lane.turns.empty) this.#give(lane)
    }
  }

  /** How many wait here, by lane. */
  *waiting(): Iterable<[name: string, count: number]> {
    for (const [name, lane] of this.#lanes) {
      const count = lane.turns.empty ? 0 : lane.turns.size()
      if (count > 0) yield [name, count]
    }
  }

  #give(lane: Lane): void {
    if (lane.giving) return
    lane.giving = true
    try {
      // A place may have become free within the turn that it was given in.
      while (lane.outstanding < lane.budget.size) {
        const turn = lane.turns.next()
        if (turn === undefined) break
        lane.outstanding++
        turn.go()
      }
    } finally {
      lane.giving = false
    }
  }

  #measure(name: string, lane: Lane): void {
    lane.least = name.startsWith('flows ') ? FLOWS_OF_RUN : leastBudget(this.#options.placesOf(name))
    if (lane.budget.size < lane.least || isFixed(name)) lane.budget = { ...lane.budget, size: lane.least }
  }

  #lane(name: string): Lane {
    let lane = this.#lanes.get(name)
    if (lane === undefined) {
      const budget = { size: 0, shrunkAt: 0 }
      lane = { turns: new Turns(), budget, least: 0, outstanding: 0, giving: false }
      this.#measure(name, lane)
      this.#lanes.set(name, lane)
    }
    return lane
  }
}

// How long one waits for a place of a limit says nothing about how many should wait.
function isFixed(name: string): boolean {
  return name.startsWith('limit ') || name.startsWith('flows ')
}

// There are as many as there are runs and devices over time.
function isTransient(name: string): boolean {
  return name.startsWith('flows ') || name.startsWith('circuit ')
}
