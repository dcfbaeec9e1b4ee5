/** Seeded chance: the same seed makes the same choices. */

export type Chance = {
  /** From 0 up to, not including, 1. */
  next(): number
  between(least: number, most: number): number
  /** Both ends can come out. */
  integer(least: number, most: number): number
  pick<T>(from: readonly T[]): T
  /** One of the keys, in proportion to its weight. */
  weighed<K extends string>(weights: Readonly<Partial<Record<K, number>>>): K
}

export function chanceFrom(seed: number): Chance {
  const next = mulberry32(seed)
  // Neighbouring seeds begin alike.
  for (let i = 0; i < 8; i++) next()
  const between = (least: number, most: number): number => least + (most - least) * next()
  return {
    next,
    between,
    integer: (least, most) => Math.floor(between(least, most + 1)),
    pick: <T>(from: readonly T[]): T => from[Math.floor(next() * from.length)] as T,
    weighed(weights) {
      const entries = Object.entries(weights) as [never, number][]
      let at = next() * entries.reduce((sum, [, weight]) => sum + weight, 0)
      for (const [key, weight] of entries) {
        at -= weight
        if (at < 0) return key
      }
      return (entries.at(-1) as [never, number])[0]
    },
  }
}

// Tommy Ettinger's generator: enough to repeat a round.
function mulberry32(start: number): () => number {
  let state = start
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}
