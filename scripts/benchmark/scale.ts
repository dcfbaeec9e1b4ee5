/** How the tasks a second and the coordinator's memory change with the size of one run. */
import type { Bundle } from '#shared/bundle/index.ts'
import { type Figure, median } from './figures.ts'
import { peakMb, pidOf } from './process-use.ts'
import type { BenchSystem } from './systems.ts'
import { timedRun } from './timed-run.ts'

const SMALL = 10_000
const LARGE = 100_000
const HUGE = 1_000_000

export async function measureScale(system: BenchSystem, bundle: Bundle): Promise<Figure[]> {
  const coordinator = await pidOf(system, 'coordinator')
  const rate = async (flow: string, n: number): Promise<number> => {
    const { result, untilResult } = await timedRun(system.client, bundle, flow, { n })
    if (result !== (n * (n - 1)) / 2) throw new Error(`the flow's result is wrong: ${String(result)}`)
    return n / untilResult
  }
  const small: number[] = []
  for (let i = 0; i < 5; i++) small.push(await rate('bench-fan-out', SMALL))
  const baseline = median(small.slice(1))
  const large = await peakMb(coordinator, () => rate('bench-fan-out', LARGE))
  const huge = await peakMb(coordinator, () => rate('bench-map', HUGE))
  const figure = (n: number, how: string, value: number): Figure => ({
    bench: `${n} no-op tasks, ${how}, until the flow has its results`,
    value,
    unit: 'tasks/s',
    baseline,
    ratio: value / baseline,
  })
  return [
    figure(LARGE, 'submitted at once', large.value),
    figure(HUGE, 'in one map', huge.value),
    { bench: `coordinator's RSS, at most, ${LARGE} steps outstanding`, value: large.peak, unit: 'MB' },
    { bench: `coordinator's RSS, at most, a map of ${HUGE}`, value: huge.peak, unit: 'MB' },
  ]
}
