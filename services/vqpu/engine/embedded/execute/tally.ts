import { type Counts, countsKey, type Register } from '#shared/circuit/index.ts'

/** Adds outcomes up. Keys are in Qiskit's order: rightmost = classical bit 0, last declared register leftmost. */
export class Tally {
  readonly #counts = new Map<string, number>()
  readonly #cregs: readonly Register[]

  constructor(cregs: readonly Register[]) {
    this.#cregs = cregs
  }

  /** `bits[k]` is classical bit k. */
  add(bits: ArrayLike<number>, count: number): void {
    const key = countsKey(bits, this.#cregs)
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + count)
  }

  get counts(): Counts {
    return Object.fromEntries(this.#counts)
  }
}
