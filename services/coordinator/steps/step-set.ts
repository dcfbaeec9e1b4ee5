/** A set of step numbers: a bit each. */
export class StepSet {
  #words = new Uint32Array(16)

  has(step: number): boolean {
    return (((this.#words[step >>> 5] ?? 0) >>> (step & 31)) & 1) === 1
  }

  /** False when it was there already. */
  add(step: number): boolean {
    const word = step >>> 5
    if (word >= this.#words.length) {
      const larger = new Uint32Array(Math.max(this.#words.length * 2, word + 1))
      larger.set(this.#words)
      this.#words = larger
    }
    const bits = this.#words[word] ?? 0
    const bit = (1 << (step & 31)) >>> 0
    if ((bits & bit) !== 0) return false
    this.#words[word] = bits | bit
    return true
  }
}
