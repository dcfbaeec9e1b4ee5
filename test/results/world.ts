/** A broker and a Postgres, and results actors inside the test's process or as processes of their own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Client } from 'pg'
import { startPostgres } from '#infra/postgres/start-postgres.ts'
import { type Draft, Publisher } from '#shared/bus/publisher.ts'
import { type Failure, fromFailure } from '#shared/contract/failure.ts'
import { type Answer, QUERIES, type QueryName, type Question } from '#shared/contract/query.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { subject } from '#shared/contract/subjects.ts'
import { decode, encode, unpack } from '#shared/wire/message.ts'
import { RETENTION, type Retention } from '../../services/results/retention.ts'
import { startResults } from '../../services/results/start.ts'
import { tempHome } from '../support/temp-home.ts'
import { until } from '../support/until.ts'
import { withBroker } from '../support/with-broker.ts'
import { type TestActor, testActor } from './actor.ts'

export type World = Awaited<ReturnType<typeof openWorld>>

/** Purging is left to those tests that ask for it. */
const NEVER: Retention = {
  ...RETENTION,
  log: 1e12,
  tombstones: 1e12,
  everyMs: 3_600_000,
}

const MAIN = fileURLToPath(new URL('../../services/results/main.ts', import.meta.url))

export async function openWorld() {
  await using opening = new AsyncDisposableStack()
  const broker = opening.use(await withBroker())
  const postgres = await killablePostgres(opening)
  const bench = opening.use(await testActor(await broker.addressOf('admin'), 'test'))
  const publisher = new Publisher(bench.bus.nc, { stream: STREAM.runs })
  opening.defer(() => publisher.close())
  const stack = opening.move()
  return {
    broker,
    postgres,
    bench,
    /** Stores records, each unless it is there. */
    publish: (...drafts: Draft[]) => Promise.all(drafts.map((draft) => publisher.create(draft))),
    /** A results actor; it drains when `stop` is called or the world ends. */
    async results(
      id = 'results-1',
      retention: Retention = NEVER,
    ): Promise<{ actor: TestActor; stop(): Promise<void> }> {
      const actor = await testActor(await broker.addressOf('results'), id)
      const running = await startResults(actor, postgres.url, retention)
      let stopped: Promise<void> | undefined
      const stop = () => {
        stopped ??= running.drain(new AbortController().signal).then(() => actor[Symbol.asyncDispose]())
        return stopped
      }
      stack.defer(stop)
      return { actor, stop }
    },
    /** A results actor as `qubus actor results` starts it; killed when the world ends. */
    spawnResults(): ChildProcess & { end(signal: NodeJS.Signals): Promise<void> } {
      const child = spawn(process.execPath, [MAIN], {
        env: {
          HOME: broker.home,
          QUBUS_HOME: broker.home,
          QUBUS_DATABASE_URL: postgres.url,
          QUBUS_LOG_LEVEL: process.env.QUBUS_TEST_LOG ?? 'silent',
        },
        stdio: ['ignore', 'inherit', 'inherit'],
      })
      const exited = once(child, 'exit')
      const end = async (signal: NodeJS.Signals) => {
        child.kill(signal)
        await exited
      }
      stack.defer(() => end('SIGKILL'))
      return Object.assign(child, { end })
    },
    sql: (text: string, values: unknown[] = []) => query(postgres.url, text, values),
    /** Waits until the first column of the first row is `wanted`. */
    untilSql: (text: string, wanted: unknown) =>
      until(
        `${text} = ${wanted}`,
        async () =>
          Object.values((await query(postgres.url, text, []).catch(() => []))[0] ?? {})[0] === wanted,
      ),
    async ask<N extends QueryName>(name: N, question: Question<N>): Promise<Answer<N>> {
      const reply = await bench.bus.nc.request(subject.query(name), encode(question), { timeout: 10_000 })
      const { error } = unpack(reply.data) as { error?: Failure }
      if (error !== undefined) throw fromFailure(error)
      return decode(QUERIES[name].answer, reply.data) as Answer<N>
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

async function killablePostgres(stack: AsyncDisposableStack) {
  const home = stack.use(await tempHome()).path
  let postgres = await startPostgres({ home, sync: false })
  stack.defer(() => postgres.stop())
  return {
    get url() {
      return postgres.url
    },
    async kill() {
      postgres.kill('SIGKILL')
      await postgres.exited
    },
    /** Same data and port. */
    async restart() {
      postgres = await startPostgres({ home, sync: false })
    },
  }
}

async function query(url: string, text: string, values: unknown[]): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url })
  client.on('error', () => {})
  try {
    await client.connect()
    return (await client.query(text, values)).rows
  } finally {
    await client.end().catch(() => {})
  }
}
