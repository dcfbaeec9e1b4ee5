/** Virtual time, chance from a seed, and processes that die, freeze and thaw. Nothing here waits for real time. */
import type { Timer } from '../../services/coordinator/clock.ts'

/** Something that lives until it is killed: what was to happen in it happens no more, or after it has thawed. */
export type Process = { name: string; dead: boolean; frozenUntil: number }

type Event = { at: number; happen: () => void; process: Process | undefined; cleared: boolean }

export type WorldOptions = {
  seed: number
  /** The longest that a message usually takes, in milliseconds. */
  spread: number
  /** The part of messages and answers that are lost. */
  loss: number
}

const BEGIN = 1_700_000_000_000
/** Rounds of the real event loop in which flow code does all that follows from one event. */
const ROUNDS = 3

export class World {
  readonly #options: WorldOptions
  readonly #queue: Event[] = []
  #state: number
  now = BEGIN
  /** What must never happen and did. */
  readonly violations: string[] = []
  happened = 0

  constructor(options: WorldOptions) {
    this.#options = options
    this.#state = options.seed | 0
  }

  /** From 0 to 1 (Mulberry32, by Tommy Ettinger). */
  random(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }

  pick<T>(from: readonly T[]): T | undefined {
    return from[Math.floor(this.random() * from.length)]
  }

  /** Milliseconds that a message takes: mostly few, now and then many. */
  latency(): number {
    return 1 + Math.floor(this.random() ** 4 * this.#options.spread)
  }

  isLost(): boolean {
    return this.random() < this.#options.loss
  }

  at(at: number, happen: () => void, process?: Process): Timer {
    const event: Event = { at: Math.max(at, this.now), happen, process, cleared: false }
    let place = this.#queue.length
    while (place > 0 && (this.#queue[place - 1] as Event).at > event.at) place--
    this.#queue.splice(place, 0, event)
    return {
      clear() {
        event.cleared = true
      },
    }
  }

  after(ms: number, happen: () => void, process?: Process): Timer {
    return this.at(this.now + ms, happen, process)
  }

  every(ms: number, happen: () => void, process: Process): void {
    this.after(
      ms,
      () => {
        happen()
        this.every(ms, happen, process)
      },
      process,
    )
  }

  /** Resolves later; never, when the process has died. */
  wait(ms: number, process?: Process): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve, process))
  }

  /** Until `done`, or so many virtual milliseconds have passed. Returns whether it came to be done. */
  async run(done: () => boolean, forMs: number): Promise<boolean> {
    const end = this.now + forMs
    for (;;) {
      await settle()
      if (this.violations.length > 0 || done()) return true
      const event = this.#queue.shift()
      if (event === undefined || event.at > end) return false
      if (event.cleared || event.process?.dead) continue
      const thaw = event.process?.frozenUntil ?? 0
      if (thaw > event.at) {
        this.at(thaw, event.happen, event.process)
        continue
      }
      this.now = event.at
      this.happened++
      event.happen()
    }
  }
}

async function settle(): Promise<void> {
  for (let i = 0; i < ROUNDS; i++) await new Promise((resolve) => setImmediate(resolve))
}
