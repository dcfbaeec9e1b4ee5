/** `scripts/demo`: a system of its own, the tutorial and the hybrid flow on it, what they gave, and the end of it all. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { type Client, connect } from '#shared/client/index.ts'
import { prepareFlow } from '#shared/client/prepare-flow.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { describeError, describeFailure } from './error-form.ts'
import { sendAndFollow } from './follow.ts'
import { print, say, surviveClosedPipes } from './output.ts'
import { painter } from './terminal/colour.ts'
import { formatSeconds } from './terminal/duration.ts'
import { renderHistogram } from './terminal/histogram.ts'
import { renderTable } from './terminal/table.ts'

const CLI = fileURLToPath(new URL('./main.ts', import.meta.url))
const FLOWS = fileURLToPath(new URL('../flows/', import.meta.url))

type Circuit = {
  name: string
  device: string
  method: string
  ms: number
  counts: Record<string, number>
  top: string
  share: number
  entropy: number
}
type Hybrid = {
  host: string
  circuits: Circuit[]
  rotations: { theta: number; measured: number; expected: number }[]
}

surviveClosedPipes()
const paint = painter(process.stdout)
const borders = process.stdout.isTTY === true
const home = await mkdtemp(join(tmpdir(), 'qubus-demo-'))
let stopped: Promise<void> | undefined
const stop = (): Promise<void> => {
  stopped ??= qubus('down').then(() => rm(home, { recursive: true, force: true }))
  return stopped
}
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void stop().finally(() => process.exit(130)))
}

try {
  process.exitCode = await demonstrate()
} catch (error) {
  say(describeError(error))
  process.exitCode = 1
} finally {
  await stop()
}

async function demonstrate(): Promise<number> {
  const from = performance.now()
  title('1  A broker, Postgres and all actors start on this machine')
  await qubus('up', '--detach')
  await using client = await connect({ home })
  await showActors(client)

  title('2  The tutorial: classical tasks')
  const tutorial = await run(client, `${FLOWS}tutorial.ts`, { n: 10 })
  if (tutorial === undefined) return 1
  print(JSON.stringify(tutorial))

  title('3  The hybrid flow: two virtual QPUs, CPU tasks, circuits, post-processing')
  const hybrid = (await run(client, `${FLOWS}hybrid.ts`, { shots: 1000 })) as Hybrid | undefined
  if (hybrid === undefined) return 1
  showHybrid(hybrid)

  const shown = ((performance.now() - from) / 1000).toFixed(1)
  title(`4  Everything stops (${shown} s so far)`)
  return 0
}

async function run(client: Client, file: string, params: unknown): Promise<unknown> {
  const prepared = await prepareFlow(file, params)
  const followed = await sendAndFollow(client, { ...prepared, params }, { label: prepared.name })
  if (!('outcome' in followed)) return undefined
  const { state, result, error, steps, seconds } = followed.outcome
  print(
    `${paint(state === 'completed' ? 'green' : 'red', state)} in ${formatSeconds(seconds)}, ${steps} steps`,
  )
  if (error) say(describeFailure(error))
  return state === 'completed' ? result : undefined
}

async function showActors(client: Client): Promise<void> {
  const { actors } = await client.status()
  print(
    renderTable({
      head: ['actor', 'state', 'pid'],
      rows: actors.map(({ name, state, pid }) => [name, state, pid]),
      right: [2],
      borders,
    }),
  )
}

function showHybrid({ circuits, rotations, host }: Hybrid): void {
  const short = (device: string): string => device.replace(/^.*-(vqpu-\w+)$/, '$1')
  print('')
  print(
    renderTable({
      head: ['circuit', 'device', 'method', 'ms in the engine', 'most frequent', 'share', 'entropy, bits'],
      rows: circuits.map(({ name, device, method, ms, top, share, entropy }) => [
        name,
        short(device),
        method,
        ms.toFixed(2),
        top,
        share.toFixed(3),
        entropy.toFixed(3),
      ]),
      right: [3, 5, 6],
      borders,
    }),
  )
  const ghz = circuits.find(({ name }) => name === 'ghz')
  if (ghz) {
    print(`\nghz: counts of 1000 shots (rightmost bit = classical bit 0)`)
    print(renderHistogram(ghz.counts))
  }
  print('\nry(theta): share of ones, measured and expected')
  print(
    renderTable({
      head: ['theta', 'measured', 'expected'],
      rows: rotations.map(({ theta, measured, expected }) => [
        theta.toFixed(3),
        measured.toFixed(3),
        expected.toFixed(3),
      ]),
      right: [0, 1, 2],
      borders,
    }),
  )
  print(`\na program on the CPU pool said: ${host}`)
}

function title(text: string): void {
  print(`\n${paint('bold', text)}`)
}

async function qubus(...args: string[]): Promise<void> {
  const { exitCode } = await execa(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', CLI, ...args],
    { env: { QUBUS_HOME: home }, stdout: 'ignore', stderr: 'inherit', reject: false },
  )
  if (exitCode !== 0)
    throw new QubusError('UNREACHABLE', `qubus ${args[0]} ended with exit code ${exitCode}: see above`)
}
