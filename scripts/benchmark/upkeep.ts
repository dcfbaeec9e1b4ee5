/** What the system costs when nobody asks for anything, and what it costs to be watched. */
import type { Bundle } from '#shared/bundle/index.ts'
import { openSession } from '#shared/client/session.ts'
import { filter } from '#shared/contract/subjects.ts'
import { type Figure, median } from './figures.ts'
import { coreShare } from './process-use.ts'
import type { BenchSystem } from './systems.ts'
import { pause, timedRun } from './timed-run.ts'

const IDLE_SECONDS = 30

export async function measureIdle({ home }: BenchSystem): Promise<Figure[]> {
  // What was started or asked for before has settled.
  await pause(20_000)
  const value = await coreShare(home, () => pause(IDLE_SECONDS * 1000))
  return [{ bench: `idle: all processes of the system, over ${IDLE_SECONDS} s`, value, unit: '% of a core' }]
}

/** Tasks a second while somebody follows every event, against nobody: the records of steps are told only for watchers. */
export async function measureEvents(
  { client, home }: BenchSystem,
  bundle: Bundle,
  tasks: number,
  rounds: number,
): Promise<Figure[]> {
  const rate = async (): Promise<number> =>
    tasks / (await timedRun(client, bundle, 'bench-fan-out', { n: tasks })).untilResult
  const watched: number[] = []
  const alone: number[] = []
  for (let round = 0; round <= rounds; round++) {
    const without = await rate()
    await using watcher = await openSession({ home })
    let heard = 0
    watcher.bus.nc.subscribe(filter.events, { callback: () => void heard++ })
    await watcher.bus.nc.flush()
    const withOne = await rate()
    if (heard < tasks) throw new Error(`${heard} events of ${tasks} steps were heard`)
    if (round === 0) continue
    alone.push(without)
    watched.push(withOne)
  }
  const ratio = median(watched.map((each, i) => each / (alone[i] ?? Number.NaN)))
  return [
    {
      bench: `${tasks} no-op tasks, every event followed`,
      value: median(watched),
      unit: 'tasks/s',
      baseline: median(alone),
      ratio,
    },
  ]
}
