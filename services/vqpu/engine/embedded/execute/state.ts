/** Amplitudes, real and imaginary parts apart: V8 keeps such loops in registers. */
export type State = {
  re: Float64Array
  im: Float64Array
  /** Amplitudes in use: 2 to the number of qubits so far. The arrays have room for all. */
  size: number
  /** Beyond this the arrays were never written and are 0: on a large state clearing costs as much as a gate. */
  written: number
}

/** 16 bytes an amplitude. */
export const stateBytes = (size: number) => 16 * size

/** Hands out states and takes them back, so that a stream of small circuits allocates nothing. */
export class StatePool {
  readonly #free: State[] = []
  readonly #keepBytes: number

  constructor(keepBytes: number) {
    this.#keepBytes = keepBytes
  }

  /** One amplitude, 1, and room for `size`. */
  take(size: number): State {
    const found = this.#free.findIndex(({ re }) => re.length >= size)
    const state =
      found === -1
        ? { re: new Float64Array(size), im: new Float64Array(size), size: 1, written: 1 }
        : this.#free.splice(found, 1)[0]!
    state.size = 1
    state.re[0] = 1
    state.im[0] = 0
    return state
  }

  /** Room for `size` amplitudes, filled with those of `from`. */
  copy(from: State, size: number): State {
    const state = this.take(size)
    state.size = from.size
    state.written = Math.max(state.written, from.size)
    state.re.set(from.re.subarray(0, from.size))
    state.im.set(from.im.subarray(0, from.size))
    return state
  }

  give(state: State): void {
    if (stateBytes(state.re.length) <= this.#keepBytes && this.#free.length < 16) this.#free.push(state)
  }
}

/** Doubles the state, or more: what lies above was perhaps used before and must be 0. */
export function growState(state: State, size: number): void {
  const dirty = Math.min(size, state.written)
  if (dirty > state.size) {
    state.re.fill(0, state.size, dirty)
    state.im.fill(0, state.size, dirty)
  }
  state.written = Math.max(state.written, size)
  state.size = size
}
