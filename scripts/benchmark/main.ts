/** `scripts/bench [NAME…] [--json] [--rounds N]`: measures, a line a figure. Names: see NAMES. */
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type Bundle, bundleFlowFile } from '#shared/bundle/index.ts'
import { readEnvironment } from '#shared/config/environment.ts'
import { benchEngine } from '../bench-engine.ts'
import { type Figure, printFigure } from './figures.ts'
import { measureCircuits, measureFlows, measureSteps } from './latency.ts'
import { measureActive, measureFairness, measureRequests } from './many-runs.ts'
import { measureAgainstPrefect } from './prefect.ts'
import { measureScale } from './scale.ts'
import { startBareBroker, startSystem } from './systems.ts'
import { measureTasks } from './throughput.ts'
import { measureEvents, measureIdle } from './upkeep.ts'

const NAMES = [
  'tasks',
  'step',
  'flow',
  'circuit',
  'engine',
  'requests',
  'events',
  'idle',
  'scale',
  'active',
  'fair',
  'prefect',
] as const

/** These need no system, or one for themselves. */
const OF_THEIR_OWN = new Set<string>(['engine', 'scale', 'active', 'fair'])

const { values, positionals } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '5' },
    tasks: { type: 'string', default: '10000' },
  },
  allowPositionals: true,
})
const rounds = Number(values.rounds)
const tasks = Number(values.tasks)
const unknown = positionals.find((name) => !(NAMES as readonly string[]).includes(name))
if (unknown !== undefined || !(rounds >= 1) || !(tasks >= 1)) {
  console.error(
    `bench: ${unknown === undefined ? '--rounds and --tasks want a number from 1' : `no benchmark ${unknown}`}; there is: ${NAMES.join(' ')}`,
  )
  process.exit(2)
}
const wanted = new Set<string>(positionals.length > 0 ? positionals : NAMES)
const print = (figures: Figure[]): void => {
  for (const figure of figures) printFigure(figure, values.json)
}

const bundleOfFlows = (): Promise<Bundle> =>
  bundleFlowFile(fileURLToPath(new URL('./bench-flows.ts', import.meta.url)))

if (wanted.has('engine')) print(await benchEngine())
if ([...wanted].some((name) => !OF_THEIR_OWN.has(name))) {
  const bundle = await bundleOfFlows()
  await using system = await startSystem()
  if (wanted.has('tasks')) {
    await using broker = await startBareBroker(readEnvironment().cache)
    print(await measureTasks(system, bundle, broker.port, tasks, rounds))
  }
  if (wanted.has('step')) print(await measureSteps(system, bundle, rounds))
  if (wanted.has('flow')) print(await measureFlows(system, bundle))
  if (wanted.has('circuit')) print(await measureCircuits(system, bundle, rounds))
  if (wanted.has('requests')) print(await measureRequests(system, bundle, rounds))
  if (wanted.has('events')) print(await measureEvents(system, bundle, tasks, rounds))
  if (wanted.has('idle')) print(await measureIdle(system))
  if (wanted.has('prefect')) print(await measureAgainstPrefect(system, bundle))
}
// What leaves a coordinator large has one of its own.
for (const [name, measure] of [
  ['scale', measureScale],
  ['active', measureActive],
  ['fair', measureFairness],
] as const) {
  if (!wanted.has(name)) continue
  await using system = await startSystem()
  print(await measure(system, await bundleOfFlows()))
}
