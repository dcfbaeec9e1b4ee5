/** What the broker keeps fills up: admission stops in time, the runs that were begun end, and space comes back. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { jetstreamManager } from '@nats-io/jetstream'
import { Client as Postgres } from 'pg'
import { makePrivateFolder } from '#infra/process/private-file.ts'
import { credentialsFile } from '#shared/config/home.ts'
import { BLOB_BUCKET, STREAM } from '#shared/contract/streams.ts'
import { atEndOfFile } from '../support/leaks.ts'
import { until } from '../support/until.ts'
import { actorsForThisFile } from '../support/with-actors.ts'
import { withPostgres } from '../support/with-postgres.ts'

const MIB = 1024 ** 2
const BLOBS = `OBJ_${BLOB_BUCKET}`
const database = await withPostgres()
atEndOfFile(() => database[Symbol.asyncDispose]())
const actors = await actorsForThisFile({ slots: 4 })
const credentials = credentialsFile(actors.broker.home, 'postgres')
await makePrivateFolder(dirname(credentials))
writeFileSync(credentials, JSON.stringify({ url: database.url }), { mode: 0o600 })
const results = await actors.start(fileURLToPath(new URL('../fixtures/results/hasty.ts', import.meta.url)))
const flows = await actors.flows('fills.ts')
const manager = await jetstreamManager(actors.bus.nc)

async function fillOf(stream: string): Promise<number> {
  const { config, state } = await manager.streams.info(stream)
  return state.bytes / config.max_bytes
}

const whyPaused = async (): Promise<string | undefined> =>
  (await actors.client.status()).actors.find(({ name }) => name === 'coordinator')?.paused

/** The row of a run and its steps, in result storage. */
const stored = (run: string): Promise<unknown> =>
  until(`run ${run} to be stored`, async () => {
    const client = new Postgres({ connectionString: database.url })
    await client.connect()
    try {
      const { rows } = await client.query(
        `select state, (select count(*)::int from steps s where s.run = r.run and s.state = 'completed') as steps,
           (select count(distinct step)::int from steps s where s.run = r.run) as different
         from runs r where run = $1 and state = 'completed'`,
        [run],
      )
      return rows[0]
    } finally {
      await client.end()
    }
  })

/** About a megabyte a second: real streams are a hundred times as large as these, and filled no faster for it. */
type Params = { n: number; given: number; made: number; ms: number }

/**
 * Keeps four runs asked for until `count` of them have ended. Nothing is let go of until no new run begins, and then not
 * before those that were begun have ended: result storage is frozen.
 */
async function work(stream: string, count: number, params: Params) {
  let next = 0
  const runs: string[] = []
  await actors.kill(results, 'SIGSTOP')
  const watch = (async () => {
    const why = await until('admission to stop', whyPaused)
    await until('what was begun to end', async () => {
      const { queues } = await actors.client.status()
      return queues['flows']?.running === 0
    }).catch(async ({ message }: Error) => {
      const { queues } = await actors.client.status()
      const inspected = await Promise.all(
        runs.slice(-4).map((run) => actors.client.inspect(run).catch((error: Error) => error.message)),
      )
      const fill = await fillOf(stream)
      throw new Error(`${message}: ${JSON.stringify({ fill, queues, inspected }, undefined, 1)}`)
    })
    const fullest = await fillOf(stream)
    await actors.kill(results, 'SIGCONT')
    return { why, fullest }
  })()
  const lane = async (): Promise<void> => {
    while (next < count) {
      const name = `${stream.slice(-5).toLowerCase()}${next++}`
      const run = await flows.request('fills', { ...params, name })
      runs.push(run)
      const { state, result, error } = await actors.client.outcome(run)
      const each = Math.max(10, params.given) + Math.max(10, params.made)
      assert.deepEqual([state, result], ['completed', params.n * each], JSON.stringify(error))
    }
  }
  try {
    const [seen] = await Promise.all([watch, lane(), lane(), lane(), lane()])
    return { runs, ...seen }
  } finally {
    await actors.kill(results, 'SIGCONT')
  }
}

async function roomAgain(stream: string): Promise<void> {
  await until('space to come back', async () => (await fillOf(stream)) < 0.75)
  await until('new runs to be taken', async () => (await whyPaused()) === undefined)
}

for (const [what, stream, bytes, count, params] of [
  ['the log of runs', STREAM.runs, 24 * MIB, 140, { n: 4, given: 10, made: 50_000, ms: 200 }],
  ['a command stream', STREAM.tasks, 24 * MIB, 140, { n: 4, given: 50_000, made: 10, ms: 200 }],
  ['the store of large values', BLOBS, 24 * MIB, 94, { n: 1, given: 10, made: 300_000, ms: 1_200 }],
] as const)
  describe(`when ${what} is nearly full`, () => {
    it('no new run begins, those that were begun end, and space comes back', async () => {
      await manager.streams.update(stream, { max_bytes: bytes })
      const { runs, fullest, why } = await work(stream, count, params)
      // All of them together would not fit.
      assert.ok(count * params.n * Math.max(params.given, params.made) > 1.1 * bytes)
      assert.match(why, new RegExp(`no new runs: ${stream} is \\d+ % full`))
      assert.ok(fullest >= 0.8 && fullest <= 1, `at most ${fullest}`)
      await roomAgain(stream)
      // What has left the broker is kept all the same, each once.
      for (const run of runs) {
        const rows = await stored(run)
        assert.deepEqual(rows, { state: 'completed', steps: params.n, different: params.n })
      }
      await manager.streams.update(stream, { max_bytes: 256 * MIB })
    })
  })

describe('when the stream of requests is full', () => {
  it('a further one is refused before it is lost, and those in it run', async () => {
    const [coordinator] = actors.coordinators
    assert.ok(coordinator)
    await actors.kill(coordinator)
    await manager.streams.update(STREAM.flows, { max_bytes: 2 * MIB })
    const params = { n: 1, given: 10, made: 10, ms: 0 }
    const taken: string[] = []
    const refused = await (async () => {
      for (let i = 0; i < 100; i++) {
        // Nobody reads what is not in the schema of a flow without one: it only takes room.
        const request = { ...params, name: `q${i}`, room: 'x'.repeat(100_000) }
        try {
          taken.push(await flows.request('fills', request))
        } catch (error) {
          return error as Error & { code: string }
        }
      }
      return undefined
    })()
    assert.equal(refused?.code, 'STREAM_FULL', String(refused))
    assert.ok(taken.length >= 10)
    actors.coordinators = [await actors.start('coordinator')]
    for (const run of taken) assert.equal((await actors.client.outcome(run)).result, 20)
    assert.equal((await flows.run('fills', { ...params, name: 'later' })).result, 20)
  })
})

it('result storage is well after all that', () => assert.equal(results.exitCode, null))
