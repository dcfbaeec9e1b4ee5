/** The fixture actor as a process, and the commands it is given. */
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import type { Bus } from '#shared/bus/connect.ts'
import { ensureConsumer } from '#shared/bus/consumers.ts'
import { Publisher } from '#shared/bus/publisher.ts'
import { CONSUMER, STREAM } from '#shared/contract/streams.ts'
import { filter, subject } from '#shared/contract/subjects.ts'
import { encode } from '#shared/wire/message.ts'
import { until } from '../support/until.ts'

const PROGRAM = fileURLToPath(new URL('../fixtures/actor/fixture-actor.ts', import.meta.url))

export type Said = {
  what: string
  at: number
  deliveries?: number
  subject?: string
  name?: string
  message?: string
}

export type FixtureActor = AsyncDisposable & {
  pid: number
  said: Said[]
  /** What it logged. */
  log(): string
  kill(signal: NodeJS.Signals): void
  /** Its exit code; undefined when a signal ended it. */
  exited: Promise<number | undefined>
}

export function startFixture(home: string, ...args: string[]): FixtureActor {
  const env = { PATH: process.env['PATH'] ?? '', HOME: home, QUBUS_HOME: home }
  // A signal that does nothing must show: none is followed by a harder one.
  const child = execa(process.execPath, [PROGRAM, ...args], {
    env,
    reject: false,
    extendEnv: false,
    forceKillAfterDelay: false,
  })
  const said: Said[] = []
  let log = ''
  let rest = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    said.push(...lines.map((line) => JSON.parse(line) as Said))
  })
  child.stderr?.on('data', (chunk: Buffer) => {
    log += chunk
  })
  const exited = child.then((result) => result.exitCode)
  return {
    pid: child.pid ?? -1,
    said,
    log: () => log,
    kill: (signal) => void child.kill(signal),
    exited,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await child
    },
  }
}

export function makeQueue(bus: Bus): Promise<void> {
  return ensureConsumer(bus.nc, STREAM.tasks, CONSUMER.tasks('fixture'), filter.poolTasks('fixture'))
}

let steps = 0

/** Publishes commands of these names, one after the other. */
export async function command(bus: Bus, ...names: (string | Uint8Array)[]): Promise<string[]> {
  const publisher = new Publisher(bus.nc, { stream: STREAM.tasks, atomic: false, batchesInFlight: 1 })
  const drafts = names.map((name) => ({
    subject: subject.task('fixture', { run: 'r', step: ++steps, attempt: 1 }),
    body: typeof name === 'string' ? encode({ name }) : name,
  }))
  await Promise.all(drafts.map((each) => publisher.create(each)))
  publisher.close()
  return drafts.map((each) => each.subject)
}

export function untilSaid(actor: FixtureActor, what: string, times = 1): Promise<unknown> {
  return until(`${times} × ${what}`, () => actor.said.filter((each) => each.what === what).length >= times)
}
