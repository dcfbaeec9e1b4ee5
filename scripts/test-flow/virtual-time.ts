/** Time of a test: it passes as real time does while something is at work, and jumps to what is due next when nothing is. */
import type { Clock, Timer } from '../../services/coordinator/clock.ts'

type Due = { at: number; then: () => void; cleared: boolean }

/** Rounds of the event loop in which flow code does all that follows from one event. */
const ROUNDS = 4
/** So long something may be under way that nobody knows of, before the flow is said to wait for nothing. */
const PATIENCE_MS = 1_000

export class VirtualTime implements Clock {
  readonly #dues: Due[] = []
  #skipped = 0
  #busy = 0
  #wake: (() => void) | undefined

  /** Unix milliseconds. */
  now(): number {
    return Math.floor(performance.timeOrigin + performance.now() + this.#skipped)
  }

  at(dueAt: number, then: () => void): Timer {
    const due: Due = { at: dueAt, then, cleared: false }
    const place = this.#dues.findIndex((each) => each.at > dueAt)
    this.#dues.splice(place < 0 ? this.#dues.length : place, 0, due)
    this.#wake?.()
    return {
      clear() {
        due.cleared = true
      },
    }
  }

  /** While it is not settled, time passes as it really does. */
  async during<T>(work: Promise<T>): Promise<T> {
    this.#busy++
    try {
      return await work
    } finally {
      this.#busy--
      this.#wake?.()
    }
  }

  /**
   * @param progress grows with what has happened.
   * @returns whether it came to be done; false when nothing is under way or due any more.
   */
  async run(done: () => boolean, progress: () => number): Promise<boolean> {
    let reached = progress()
    for (let idleSince: number | undefined; ; ) {
      for (let i = 0; i < ROUNDS; i++) await new Promise((resolve) => setImmediate(resolve))
      if (done()) return true
      if (progress() > reached) {
        reached = progress()
        idleSince = undefined
      }
      while (this.#dues[0]?.cleared) this.#dues.shift()
      const next = this.#dues[0]
      if (next !== undefined && (this.#busy === 0 || next.at <= this.now())) {
        this.#skipped += Math.max(0, next.at - this.now())
        this.#dues.shift()
        next.then()
        idleSince = undefined
        continue
      }
      if (this.#busy > 0) {
        await this.#pause(next === undefined ? PATIENCE_MS : next.at - this.now())
        idleSince = undefined
        continue
      }
      idleSince ??= performance.now()
      if (performance.now() - idleSince > PATIENCE_MS) return false
      await this.#pause(10)
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.max(1, Math.min(ms, PATIENCE_MS)))
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
