/** A broker and real actor processes on it: what `qubus up` starts, without a supervisor that would restart them. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { afterEach } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { stop as stopBundler } from 'esbuild'
import { type Bundle, bundleFlowFile } from '#shared/bundle/index.ts'
import { type Bus, connectBus } from '#shared/bus/connect.ts'
import { ensureConsumer } from '#shared/bus/consumers.ts'
import { readAll, type Stored } from '#shared/bus/direct.ts'
import { readRegistry } from '#shared/bus/registry.ts'
import { type Client, clientOn } from '#shared/client/client.ts'
import type { RunOutcome } from '#shared/client/outcome.ts'
import type { RunRequest } from '#shared/client/request.ts'
import { openSessionAt } from '#shared/client/session.ts'
import { AttemptRecord, StepOutcome } from '#shared/contract/step-record.ts'
import { CONSUMER, STREAM } from '#shared/contract/streams.ts'
import { filter, parseRecordSubject, record } from '#shared/contract/subjects.ts'
import { decode } from '#shared/wire/message.ts'
import { atEndOfFile } from './leaks.ts'
import { until } from './until.ts'
import { type TestBroker, withBroker } from './with-broker.ts'

export type ActorProcess = ChildProcess & { log(): string }

export type ActorsOptions = {
  coordinators?: number
  workers?: number
  /** Queues that are made, as the allocator would; the workers serve all of them. */
  pools?: string[]
  /** Of each worker. */
  slots?: number
  /** Variables for every actor, besides what it has anyway. */
  environment?: Readonly<Record<string, string>>
}

export type Actors = AsyncDisposable & {
  broker: TestBroker
  /** As the broker's admin: may look at everything. */
  bus: Bus
  client: Client
  coordinators: ActorProcess[]
  workers: ActorProcess[]
  /** Starts `services/<name>/main.ts`, or the program at an absolute path, and waits until the registry says that it is ready. */
  start(name: string, ...args: string[]): Promise<ActorProcess>
  /** Sends the signal; for one that ends a process, waits for the end. */
  kill(actor: ActorProcess, signal?: NodeJS.Signals): Promise<void>
  flows(file: string): Promise<FlowFile>
  history(run: string): Promise<History>
  logs(run: string, step?: number): Promise<string[]>
}

export type FlowFile = {
  bundle: Bundle
  request(flow: string, params?: unknown, more?: Partial<RunRequest>): Promise<string>
  /** Requests and waits for the end, however it ended. */
  run(flow: string, params?: unknown, more?: Partial<RunRequest>): Promise<RunOutcome>
}

/** The log of a run, in order. */
export type History = {
  stored: Stored[]
  outcomes: (StepOutcome & { step: number })[]
  attempts: (AttemptRecord & { step: number; attempt: number; storedAt: number })[]
  /** How many records there are of each kind. */
  counts: Record<string, number>
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const FLOWS = fileURLToPath(new URL('../fixtures/flows/', import.meta.url))
const LOG_TAIL = 3_000
// Against hangs only, as in until().
const PATIENCE_MS = 120_000
const GRACE_MS = 5_000
/** Where Node keeps what it compiled: actors start in half the time. */
const compiled = process.env['NODE_COMPILE_CACHE']
const open = new Set<ActorProcess>()

// The bundler keeps a process for the next time.
atEndOfFile(stopBundler)

// What the actors said is worth showing beside a failure, and nothing otherwise.
afterEach((context) => {
  if (!('passed' in context) || context.passed) return
  for (const actor of open)
    if (actor.log())
      console.error(
        `--- ${actor.spawnargs.slice(1).join(' ')} (${actor.pid})\n${actor.log().slice(-LOG_TAIL)}`,
      )
})

/** One system for all tests of a file; it ends with the file. */
export async function actorsForThisFile(options: ActorsOptions = {}): Promise<Actors> {
  const actors = await withActors(options)
  atEndOfFile(async () => actors[Symbol.asyncDispose]())
  return actors
}

export async function withActors(options: ActorsOptions = {}): Promise<Actors> {
  const { coordinators = 1, workers = 1, pools = ['generic'], slots = 2, environment = {} } = options
  await using stack = new AsyncDisposableStack()
  const broker = stack.use(await withBroker())
  const bus = stack.use(await connectBus(await broker.addressOf('admin'), 'test-admin'))
  const client = patient(stack.use(clientOn(await openSessionAt(await broker.addressOf('client')))))
  const started = new Set<ActorProcess>()
  stack.defer(() => endAll(started, broker))
  for (const pool of pools)
    await ensureConsumer(bus.nc, STREAM.tasks, CONSUMER.tasks(pool), filter.poolTasks(pool))

  const start = async (name: string, ...args: string[]): Promise<ActorProcess> => {
    const actor = spawnActor(name, args, broker.home, environment)
    started.add(actor)
    await until(`${name} to be ready: ${actor.log()}`, async () => {
      if (hasEnded(actor))
        throw new Error(`${name} ended with ${actor.exitCode ?? actor.signalCode}: ${actor.log()}`)
      const { actors } = await readRegistry(bus.nc)
      return [...actors.values()].some((entry) => entry.pid === actor.pid && entry.state === 'ready')
    })
    return actor
  }
  const startMany = (count: number, name: string, ...args: string[]): Promise<ActorProcess[]> =>
    Promise.all(Array.from({ length: count }, () => start(name, ...args)))
  const [startedCoordinators, startedWorkers] = await Promise.all([
    startMany(coordinators, 'coordinator'),
    startMany(workers, 'worker', '--pools', pools.join(','), '--slots', String(slots)),
  ])
  const kept = stack.move()
  return {
    broker,
    bus,
    client,
    coordinators: startedCoordinators,
    workers: startedWorkers,
    start,
    kill: endOne,
    flows: (file) => flowFile(client, file),
    history: (run) => historyOf(bus, run),
    async logs(run, step) {
      const texts: string[] = []
      for await (const line of client.logs(run))
        if (step === undefined || line.step === step) texts.push(line.text)
      return texts
    },
    [Symbol.asyncDispose]: async () => kept.disposeAsync(),
  }
}

/** A run that never ends fails its test instead of holding up the file for ever. */
function patient(client: Client): Client {
  return {
    ...client,
    outcome: (run, options) => client.outcome(run, { signal: AbortSignal.timeout(PATIENCE_MS), ...options }),
  }
}

function spawnActor(
  name: string,
  args: string[],
  home: string,
  environment: Readonly<Record<string, string>>,
): ActorProcess {
  const program = name.startsWith('/') ? name : `${ROOT}services/${name}/main.ts`
  const child = spawn(process.execPath, [program, ...args], {
    // What the actors start carries this HOME on: by it, what they leave behind is found.
    env: {
      PATH: process.env.PATH ?? '',
      HOME: home,
      QUBUS_HOME: home,
      QUBUS_LOG_LEVEL: 'info',
      ...(compiled === undefined ? {} : { NODE_COMPILE_CACHE: compiled }),
      ...environment,
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let text = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    text = (text + chunk.toString()).slice(-20 * LOG_TAIL)
  })
  const actor = Object.assign(child, { log: () => text })
  open.add(actor)
  child.once('exit', () => setTimeout(() => open.delete(actor), 2_000).unref())
  return actor
}

async function endOne(actor: ActorProcess, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  if (hasEnded(actor)) return
  const ended = once(actor, 'exit')
  actor.kill(signal)
  if (signal !== 'SIGSTOP' && signal !== 'SIGCONT') await ended
}

function hasEnded(actor: ActorProcess): boolean {
  return actor.exitCode !== null || actor.signalCode !== null
}

async function endAll(started: Set<ActorProcess>, broker: TestBroker): Promise<void> {
  await Promise.all([...started].map((actor) => endOne(actor)))
  // A task process ends by itself when it finds its worker gone: that takes a moment.
  let left = leftOf(broker)
  for (
    const end = performance.now() + GRACE_MS;
    left.length > 0 && performance.now() < end;
    left = leftOf(broker)
  )
    await pause(50)
  for (const pid of left) process.kill(pid, 'SIGKILL')
  if (left.length > 0) throw new Error(`the actors left processes behind: ${left.join(', ')}`)
  const denied = [...started].flatMap((actor) => actor.log().match(/.*permissions violation.*/gi) ?? [])
  if (denied.length > 0)
    throw new Error(`the broker's permissions stop an actor:\n${denied.slice(0, 5).join('\n')}`)
}

const leftOf = (broker: TestBroker): number[] => processesOf(broker.home).filter((pid) => pid !== broker.pid)

/** Live processes that carry the home of these actors, whoever their parent is now. */
export function processesOf(home: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(`HOME=${home}`)
      } catch {
        return false
      }
    })
}

async function flowFile(client: Client, file: string): Promise<FlowFile> {
  const bundle = await bundleFlowFile(FLOWS + file)
  const request = (flow: string, params: unknown = {}, more: Partial<RunRequest> = {}): Promise<string> =>
    client.request({ flow, bundle, params, ...more })
  return {
    bundle,
    request,
    run: async (flow, params, more) => client.outcome(await request(flow, params, more)),
  }
}

async function historyOf(bus: Bus, run: string): Promise<History> {
  const history: History = { stored: [], outcomes: [], attempts: [], counts: {} }
  for await (const page of readAll(bus.nc, STREAM.runs, record(run).all)) {
    for (const stored of page) {
      history.stored.push(stored)
      const parsed = parseRecordSubject(stored.subject)?.record
      if (parsed === undefined) continue
      history.counts[parsed.kind] = (history.counts[parsed.kind] ?? 0) + 1
      if (parsed.kind === 'outcome')
        history.outcomes.push({ step: parsed.step, ...decode(StepOutcome, stored.data) })
      if (parsed.kind !== 'attempt') continue
      history.attempts.push({
        ...decode(AttemptRecord, stored.data),
        step: parsed.step,
        attempt: parsed.attempt,
        storedAt: Date.parse(stored.time),
      })
    }
  }
  return history
}
