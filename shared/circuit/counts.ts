/**
 * Outcomes as text, in Qiskit's bit order: the rightmost character is classical bit 0 of the first declared register,
 * registers are separated by one space, the last declared register stands leftmost.
 */
import type { Register } from './circuit.ts'

/** How often each outcome was seen; keys in the order told above. */
export type Counts = Record<string, number>

/**
 * The key of one outcome. `bits[k]` is classical bit k of the circuit, 0 or 1; the key has them in Qiskit's order:
 * rightmost = bit 0, registers separated by one space, last declared leftmost.
 */
export function countsKey(bits: ArrayLike<number>, cregs: readonly Register[]): string {
  let key = ''
  for (let r = cregs.length - 1; r >= 0; r--) {
    const { offset, size } = cregs[r]!
    for (let bit = offset + size - 1; bit >= offset; bit--) key += bits[bit] === 1 ? '1' : '0'
    if (r > 0) key += ' '
  }
  return key
}

/** The other way: classical bit k of the circuit at index k, from a key in the order told above. */
export function bitsOfKey(key: string): number[] {
  return [...key]
    .filter((character) => character !== ' ')
    .reverse()
    .map(Number)
}
