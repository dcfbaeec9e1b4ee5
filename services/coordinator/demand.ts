/** What waits in this coordinator until its queue has room: told to the allocator, which sees only what is in the queues. */
import type { ActorEntry } from '#shared/contract/registry.ts'
import type { Lanes } from './turns/lanes.ts'

type Demand = NonNullable<ActorEntry['demand']>

/** @param onNews called when it is so different that it should be told at once. */
export function demandOf(lanes: Pick<Lanes, 'waiting'>, onNews: () => void) {
  let told: Demand = { tasks: {}, circuits: {} }
  const current = (): Demand => {
    told = count(lanes)
    return told
  }
  return {
    current,
    look(): void {
      if (isNews(told, count(lanes))) onNews()
    },
  }
}

function count(lanes: Pick<Lanes, 'waiting'>): Demand {
  const demand: Demand = { tasks: {}, circuits: {} }
  for (const [lane, waiting] of lanes.waiting()) {
    const [kind, target = ''] = lane.split(' ')
    const of = kind === 'task' ? demand.tasks : kind === 'circuit' ? demand.circuits : undefined
    if (of) of[target] = (of[target] ?? 0) + waiting
  }
  return demand
}

/** Twice or half as much, or some where there was none. */
export function isNews(before: Demand, now: Demand): boolean {
  return (['tasks', 'circuits'] as const).some((kind) =>
    [...new Set([...Object.keys(before[kind]), ...Object.keys(now[kind])])].some((target) => {
      const [a, b] = [before[kind][target] ?? 0, now[kind][target] ?? 0]
      return a !== b && (a === 0 || b === 0 || b >= 2 * a || a >= 2 * b)
    }),
  )
}
