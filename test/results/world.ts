/** A broker, a Postgres and a results actor inside the test's process. */
import { Client } from 'pg'
import { Publisher, type Draft } from '#shared/bus/publisher.ts'
import { QUERIES, type Answer, type QueryName, type Question } from '#shared/contract/query.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { subject } from '#shared/contract/subjects.ts'
import { decode, encode, unpack } from '#shared/wire/message.ts'
import { fromFailure, type Failure } from '#shared/contract/failure.ts'
import type { Retention } from '../../services/results/purge.ts'
import { startResults } from '../../services/results/start.ts'
import { type TestActor, testActor } from './actor.ts'
import { withBroker, withPostgres } from './servers.ts'
import { until } from './until.ts'

export type World = Awaited<ReturnType<typeof openWorld>>

/** Purging is left to those tests that ask for it. */
const NEVER: Retention = { keepMs: 1e13, tombstoneMs: 1e13, everyMs: 3_600_000 }

export async function openWorld() {
  const stack = new AsyncDisposableStack()
  const broker = stack.use(await withBroker())
  const postgres = stack.use(await withPostgres())
  const bench = stack.use(await testActor(broker.address, 'test'))
  const publisher = new Publisher(bench.bus.nc, { stream: STREAM.runs })
  const world = {
    broker,
    postgres,
    bench,
    /** Stores records, each unless it is there. */
    publish: (...drafts: Draft[]) => Promise.all(drafts.map((draft) => publisher.create(draft))),
    /** A results actor; it drains when the world ends, or `stop` is called. */
    async results(id = 'results-1', retention: Retention = NEVER): Promise<{ actor: TestActor; stop(): Promise<void> }> {
      const actor = await testActor(broker.address, id)
      const running = await startResults(actor, postgres.url, retention)
      let stopped: Promise<void> | undefined
      const stop = () => (stopped ??= running.drain(new AbortController().signal).then(() => actor[Symbol.asyncDispose]()))
      stack.defer(stop)
      return { actor, stop }
    },
    sql: (text: string, values: unknown[] = []) => query(postgres.url, text, values),
    /** Waits until the first column of the first row is `wanted`. */
    untilSql: (text: string, wanted: unknown) =>
      until(async () => Object.values((await query(postgres.url, text, []).catch(() => []))[0] ?? {})[0] === wanted, `${text} = ${wanted}`),
    async ask<N extends QueryName>(name: N, question: Question<N>): Promise<Answer<N>> {
      const reply = await bench.bus.nc.request(subject.query(name), encode(question), { timeout: 10_000 })
      const { error } = unpack(reply.data) as { error?: Failure }
      if (error !== undefined) throw fromFailure(error)
      return decode(QUERIES[name].answer, reply.data) as Answer<N>
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
  return world
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
