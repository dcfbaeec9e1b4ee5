/** Tasks a second: one flow that submits no-op tasks, against the bare program in the same run, in turn. */
import type { Bundle } from '#shared/bundle/index.ts'
import { startBare } from './bare.ts'
import { type Figure, median } from './figures.ts'
import type { BenchSystem } from './systems.ts'
import { timedRun } from './timed-run.ts'

export async function measureTasks(
  { client }: BenchSystem,
  bundle: Bundle,
  barePort: number,
  tasks: number,
  rounds: number,
): Promise<Figure[]> {
  await using bare = await startBare(barePort)
  const ours: number[] = []
  const stored: number[] = []
  const theirs: number[] = []
  // Until what is compiled while it runs is compiled, on both sides.
  const warmUps = 5
  for (let round = 0; round < rounds + warmUps; round++) {
    const baseline = await bare.run(tasks)
    const { result, untilResult, untilStored } = await timedRun(client, bundle, 'bench-fan-out', { n: tasks })
    if (result !== (tasks * (tasks - 1)) / 2) throw new Error(`the flow's result is wrong: ${String(result)}`)
    if (round < warmUps) continue
    theirs.push(baseline)
    ours.push(tasks / untilResult)
    stored.push(tasks / untilStored)
  }
  const ratio = median(ours.map((each, i) => each / (theirs[i] ?? Number.NaN)))
  return [
    {
      bench: `${tasks} no-op tasks, until the flow has its results`,
      value: median(ours),
      unit: 'tasks/s',
      baseline: median(theirs),
      ratio,
    },
    { bench: `${tasks} no-op tasks, until all are in Postgres`, value: median(stored), unit: 'tasks/s' },
  ]
}
