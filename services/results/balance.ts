/** Who stores which part of a stream: each actor its fair share. */

export type Facts = {
  /** All parts, by their lock's key. */
  units: number[]
  /** Those that this actor holds. */
  mine: number[]
  /** Those that any actor holds. */
  held: number[]
  /** Actors that are at work, this one among them. */
  actors: number
  /** Where this actor looks first, so that two do not reach for the same part. */
  start: number
}

export type Decision = { release: number[]; take: number[] }

/** What to give back, and what to try to take, so that nobody has more than his share and nothing lies idle. */
export function balance({ units, mine, held, actors, start }: Facts): Decision {
  const share = Math.ceil(units.length / Math.max(1, actors))
  if (mine.length > share) return { release: mine.slice(share), take: [] }
  const at = start % units.length
  const inMyOrder = [...units.slice(at), ...units.slice(0, at)]
  const free = inMyOrder.filter((unit) => !held.includes(unit))
  return { release: [], take: free.slice(0, share - mine.length) }
}
