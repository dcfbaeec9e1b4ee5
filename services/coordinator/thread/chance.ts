/** Chance that is the same at every replay: sfc32 (Chris Doty-Humphrey, PractRand), seeded by the run's id. */
import { hash } from 'node:crypto'

export type Chance = { random(): number; uuid(): string; bytes(into: Uint8Array): void }

export function seededChance(seed: string): Chance {
  const state = new Uint32Array(
    Uint8Array.from(Buffer.from(hash('sha256', seed), 'hex').subarray(0, 16)).buffer,
  )
  const next = (): number => {
    const [a = 0, b = 0, c = 0, d = 0] = state
    const sum = (a + b + d) >>> 0
    state[3] = d + 1
    state[0] = b ^ (b >>> 9)
    state[1] = c + (c << 3)
    state[2] = ((c << 21) | (c >>> 11)) + sum
    return sum
  }
  const bytes = (into: Uint8Array): void => {
    for (let i = 0; i < into.length; i++) into[i] = next() >>> 24
  }
  return {
    bytes,
    // 53 bits, as Math.random has.
    random: () => ((next() >>> 5) * 2 ** 26 + (next() >>> 6)) / 2 ** 53,
    uuid() {
      const raw = new Uint8Array(16)
      bytes(raw)
      raw[6] = ((raw[6] ?? 0) & 0x0f) | 0x40
      raw[8] = ((raw[8] ?? 0) & 0x3f) | 0x80
      const hex = Buffer.from(raw).toString('hex')
      return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
    },
  }
}
