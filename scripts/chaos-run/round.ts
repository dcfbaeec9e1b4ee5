/** One round: the runs and the faults that its seed gives, and what came of them. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Bundle } from '#shared/bundle/index.ts'
import type { RunOutcome } from '#shared/client/outcome.ts'
import { chanceFrom } from './chance.ts'
import { type Fault, type FaultKind, planFaults } from './faults.ts'
import { inflict } from './inflict.ts'
import { persist } from './persist.ts'
import { type PlannedRun, planRuns } from './scenario.ts'
import type { ChaosSystem } from './system.ts'

export type PlannedRound = { seed: number; runs: PlannedRun[]; faults: Fault[] }

export function planRound(seed: number, possible: ReadonlySet<FaultKind>): PlannedRound {
  const chance = chanceFrom(seed)
  return { seed, runs: planRuns(seed, chance), faults: planFaults(chance, possible) }
}

export type Played = {
  /** What happened, and at what millisecond; those whose victim was not there are left out. */
  faults: Fault[]
  /** Undefined: it did not end in time. */
  outcomes: Map<string, RunOutcome | undefined>
}

/** After the last fault and request; a lease lasts 10 s, and an actor that dies often starts 5 s later. */
const PATIENCE_MS = 120_000

/** @param effects the file in which tasks note that they run. */
export async function playRound(
  { runs, faults }: PlannedRound,
  system: ChaosSystem,
  bundle: Bundle,
  effects: string,
): Promise<Played> {
  const start = performance.now()
  const untilTime = (at: number): Promise<void> => pause(Math.max(0, at - (performance.now() - start)))
  const happened: Fault[] = []
  const doAll = faults.map(async (fault) => {
    await untilTime(fault.at)
    if (await inflict(fault, system)) happened.push(fault)
  })
  const requests = runs.map(async ({ run, flow, branches, at }) => {
    await untilTime(at)
    await persist(() => system.client.request({ run, flow, bundle, params: { branches, effects } }))
  })
  const cancels = runs.map(async ({ run, cancelAt }, i) => {
    if (cancelAt === undefined) return
    await requests[i]
    await untilTime(cancelAt)
    await persist(() => system.client.cancel(run, 'as planned'))
  })
  await Promise.all([...doAll, ...requests, ...cancels])
  const patience = AbortSignal.timeout(PATIENCE_MS)
  const ends = await Promise.all(
    runs.map(async ({ run }): Promise<[string, RunOutcome | undefined]> => {
      try {
        return [run, await system.client.outcome(run, { signal: patience })]
      } catch (error) {
        if (patience.aborted) return [run, undefined]
        throw error
      }
    }),
  )
  return { faults: happened.sort((a, b) => a.at - b.at), outcomes: new Map(ends) }
}
