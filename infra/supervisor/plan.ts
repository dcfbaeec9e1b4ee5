/** Which actors `up` starts, and how many of each. */
import type { ActorName } from '#shared/contract/registry.ts'

export type Counts = { coordinator: number; allocator: number; submitter: number; results: number }

export const DEFAULT_COUNTS: Counts = { coordinator: 1, allocator: 1, submitter: 1, results: 1 }

export type PlannedActor = { name: string; actor: ActorName; args: string[] }

/** The first of a kind has its name, the next ones a number: `coordinator`, `coordinator-2`. */
export function planActors(counts: Counts, cluster: string | undefined): PlannedActor[] {
  return (Object.keys(DEFAULT_COUNTS) as Array<keyof Counts>).flatMap((actor) =>
    Array.from({ length: counts[actor] }, (_, i) => ({
      name: i === 0 ? actor : `${actor}-${i + 1}`,
      actor,
      args: actor === 'allocator' && cluster !== undefined ? ['--cluster', cluster] : [],
    })),
  )
}
