/** Random numbers from a seed: xoshiro128** over a state that splitmix32 fills. The same seed gives the same numbers everywhere. */
export class Random {
  #a: number
  #b: number
  #c: number
  #d: number

  /** `seed` is any safe integer. */
  constructor(seed: number) {
    let state = (seed | 0) ^ Math.imul(Math.floor(seed / 0x1_0000_0000) | 0, 0x9e3779b1)
    const next = () => {
      state = (state + 0x9e3779b9) | 0
      let word = Math.imul(state ^ (state >>> 16), 0x21f0aaad)
      word = Math.imul(word ^ (word >>> 15), 0x735a2d97)
      return word ^ (word >>> 15)
    }
    this.#a = next()
    this.#b = next()
    this.#c = next()
    this.#d = next() | 1 // all zeros would stay zeros
  }

  /** Evenly in [0, 1), in steps of 2⁻⁵³. */
  uniform(): number {
    return ((this.#word() >>> 5) * 0x400_0000 + (this.#word() >>> 6)) / 0x20_0000_0000_0000
  }

  #word(): number {
    const product = Math.imul(this.#b, 5)
    const word = Math.imul((product << 7) | (product >>> 25), 9)
    const shifted = this.#b << 9
    this.#c ^= this.#a
    this.#d ^= this.#b
    this.#b ^= this.#c
    this.#a ^= this.#d
    this.#c ^= shifted
    this.#d = (this.#d << 11) | (this.#d >>> 21)
    return word
  }
}

/** For a circuit that came without one: small enough to be typed back. */
export function freshSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]!
}
