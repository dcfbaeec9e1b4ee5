/** Many steps that were asked for at once: each becomes a pending step only when it has its turn. */
import type { StepPolicy } from '#shared/flow/runtime.ts'
import type { WantedRange, WantedStep } from '../thread/protocol.ts'
import { stepDigest } from '../thread/step-digest.ts'
import type { Source } from '../turns/turns.ts'
import type { PendingStep } from './pending-step.ts'

export class StepRange implements Source<PendingStep> {
  readonly first: number
  readonly count: number
  readonly policy: StepPolicy
  /** Each was asked for by itself: it can be taken out, and is never cut off with the rest. */
  readonly apart: boolean
  /** Whether it waits in its lane. */
  queued = false
  stopped = false
  readonly #wanted: WantedRange
  readonly #ends: Uint32Array
  readonly #begin: (wanted: WantedStep) => PendingStep | undefined
  readonly #over: (step: number) => boolean
  /** Those that were taken out and whose turn would still come. */
  readonly #taken = new Set<number>()
  #next = 0
  #open = 0

  /**
   * @param begin makes a pending step of it; undefined when it is not one for the queue now.
   * @param over whether the step has an outcome already.
   */
  constructor(
    wanted: WantedRange,
    begin: (wanted: WantedStep) => PendingStep | undefined,
    over: (step: number) => boolean,
  ) {
    this.first = wanted.first
    this.count = wanted.count
    this.policy = wanted.policy
    this.apart = wanted.apart ?? false
    this.#wanted = wanted
    // A copy, since the bytes of a message need not begin at a multiple of four.
    this.#ends = new Uint32Array(Uint8Array.from(wanted.ends).buffer)
    this.#begin = begin
    this.#over = over
  }

  has(step: number): boolean {
    return step >= this.first && step < this.first + this.count
  }

  /** How many have not had their turn. */
  get size(): number {
    return this.count - this.#next - this.#taken.size
  }

  /** Whether one more may be under way. */
  get free(): boolean {
    return this.#open < (this.#wanted.concurrency ?? Number.POSITIVE_INFINITY)
  }

  next(): PendingStep | undefined {
    while (this.#next < this.count && this.free) {
      const index = this.#next++
      if (this.#taken.delete(index) || this.#over(this.first + index)) continue
      this.#open++
      const step = this.#begin(this.#at(index))
      if (step !== undefined) return step
    }
    this.queued = false
    return undefined
  }

  /** The one that the flow will see next of those that have not had their turn: for those who look. */
  *waiting(): Iterable<WantedStep> {
    for (let index = this.#next; index < this.count; index++)
      if (!this.#taken.has(index) && !this.#over(this.first + index)) yield this.#at(index)
  }

  /** Takes a step out that has not had its turn, nor an outcome: it will have no turn. */
  take(step: number): WantedStep | undefined {
    const index = step - this.first
    if (index < this.#next || this.#taken.has(index) || this.#over(step)) return undefined
    this.#taken.add(index)
    return this.#at(index)
  }

  /** A step of it that had its turn has its outcome. */
  ended(): void {
    this.#open--
  }

  /** Nothing more has its turn. Returns how many of its steps have, or may still have, an outcome. */
  stop(): number {
    let count = this.#next
    for (let index = this.#next; index < this.count; index++) if (this.#over(this.first + index)) count++
    this.stopped = true
    this.#next = this.count
    this.#taken.clear()
    this.queued = false
    return count
  }

  #at(index: number): WantedStep {
    const { kind, name, policy, bytes } = this.#wanted
    const value = bytes.subarray(index === 0 ? 0 : this.#ends[index - 1], this.#ends[index])
    return { step: this.first + index, kind, name, digest: stepDigest(kind, name, value), value, policy }
  }
}
