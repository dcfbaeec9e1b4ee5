/** Many runs: how many are answered a second, what thousands that wait cost, and whether they stall anybody. */
import type { Bundle } from '#shared/bundle/index.ts'
import { type Figure, median } from './figures.ts'
import { pidOf, residentMb } from './process-use.ts'
import type { BenchSystem } from './systems.ts'
import { pause, timedRun } from './timed-run.ts'

const REQUESTS = 2_000
const ACTIVE = 5_000
const LARGE = 100_000
const IDLE = 10_000

/** No-op flows that are asked for and completed, a second. */
export async function measureRequests(
  { client }: BenchSystem,
  bundle: Bundle,
  rounds: number,
): Promise<Figure[]> {
  const rates: number[] = []
  for (let round = 0; round <= rounds; round++) {
    const from = performance.now()
    const runs = Array.from({ length: REQUESTS }, async () =>
      client.result(await client.request({ flow: 'bench-none', bundle, params: {} })),
    )
    await Promise.all(runs)
    if (round > 0) rates.push(REQUESTS / ((performance.now() - from) / 1000))
  }
  return [
    { bench: `${REQUESTS} no-op flows, asked for and completed`, value: median(rates), unit: 'flows/s' },
  ]
}

/** Memory of the coordinator while thousands of runs wait for a signal; then all of them go on and end. */
export async function measureActive(system: BenchSystem, bundle: Bundle): Promise<Figure[]> {
  const { client } = system
  const pid = await pidOf(system, 'coordinator')
  const name = 'bench-go'
  const runs = await Promise.all(
    Array.from({ length: ACTIVE }, () =>
      client.request({ flow: 'bench-waiting', bundle, params: { until: name } }),
    ),
  )
  await until(async () => (await client.queued()).length === 0)
  await pause(5_000)
  const active = residentMb(pid)
  const from = performance.now()
  await timedRun(client, bundle, 'bench-sets', { name })
  await Promise.all(runs.map((run) => client.result(run)))
  return [
    { bench: `coordinator's RSS, ${ACTIVE} runs active`, value: active, unit: 'MB' },
    {
      bench: `${ACTIVE} runs woken by one signal, until all have ended`,
      value: (performance.now() - from) / 1000,
      unit: 's',
    },
  ]
}

/** A run of one step beside others that have much, or nothing, to do. */
export async function measureFairness(system: BenchSystem, bundle: Bundle): Promise<Figure[]> {
  const { client } = system
  const pid = await pidOf(system, 'coordinator')
  const one = async (): Promise<number> => (await timedRun(client, bundle, 'bench-one', {})).untilResult
  for (let i = 0; i < 5; i++) await one()
  const figures: Figure[] = []
  const beside = async (
    what: string,
    flow: string,
    params: unknown,
    runs: number,
    ready: (runs: string[]) => Promise<boolean>,
  ): Promise<void> => {
    const before = residentMb(pid)
    const others = await Promise.all(
      Array.from({ length: runs }, () => client.request({ flow, bundle, params })),
    )
    await until(() => ready(others))
    const seconds: number[] = []
    for (let i = 0; i < 9; i++) seconds.push(await one())
    figures.push(
      { bench: `a run of one step beside ${what}, median of 9`, value: median(seconds), unit: 's' },
      { bench: 'the same, the slowest', value: Math.max(...seconds), unit: 's' },
      { bench: `what they add to the coordinator's RSS`, value: residentMb(pid) - before, unit: 'MB' },
    )
    await Promise.all(others.map((run) => client.cancel(run)))
    await Promise.all(others.map((run) => client.outcome(run)))
  }
  await beside(`${IDLE} waiting retries`, 'bench-retrying', { n: IDLE }, 1, async ([run = '']) => {
    const asked = (await client.inspect(run))?.outstanding === IDLE
    return asked && isEmpty((await client.status()).queues['tasks generic'])
  })
  await beside(
    `${IDLE} sleeping runs`,
    'bench-sleeping',
    {},
    IDLE,
    async () => (await client.queued()).length === 0,
  )
  await beside(`a run of ${LARGE}`, 'bench-fan-out', { n: LARGE }, 1, async ([run = '']) => {
    return ((await client.inspect(run))?.completed ?? 0) > LARGE / 20
  })
  return figures
}

async function until(look: () => Promise<boolean>): Promise<void> {
  while (!(await look())) await pause(100)
}

function isEmpty(queue: { waiting: number; running: number } | undefined): boolean {
  return queue?.waiting === 0 && queue.running === 0
}
