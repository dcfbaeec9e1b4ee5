import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readLast, readLastOf } from '#shared/bus/direct.ts'
import { Publisher } from '#shared/bus/publisher.ts'
import { newRunId, SHARDS, shardOf } from '#shared/contract/ids.ts'
import { STREAM, type StreamName } from '#shared/contract/streams.ts'
import { filter, record, subject } from '#shared/contract/subjects.ts'
import { encode } from '#shared/wire/message.ts'
import { openPool } from '../../services/results/database.ts'
import { purgeRecords, purgeTombstones } from '../../services/results/purge.ts'
import { RETENTION } from '../../services/results/retention.ts'
import { completed, outcome, requested } from './records.ts'
import { openWorld } from './world.ts'

const ALL_SHARDS = Array.from({ length: SHARDS }, (_, shard) => shard)
const DAY = 24 * 3600 * 1000

test('the broker forgets a run only when nobody can need it any more', async (t) => {
  await using world = await openWorld()
  const results = await world.results()
  const { nc } = world.bench.bus
  const pool = openPool(world.postgres.url, world.bench.log)
  const publishTo = async (stream: StreamName, to: string) => {
    const publisher = new Publisher(nc, { stream })
    await publisher.create({ subject: to, body: encode({}) })
    publisher.close()
  }
  const commandsOf = (run: string) => {
    const id = { run, step: 1, attempt: 1 }
    return [
      [STREAM.tasks, subject.task('cpu', id)],
      [STREAM.submissions, subject.submission(id)],
      [STREAM.circuits, subject.circuit('vqpu-1', id)],
      [STREAM.allocations, subject.allocation('vqpu', run, 'a')],
    ] as const
  }
  /** A run with a message in every stream, ended `ageMs` ago. */
  const endedRun = async (ageMs: number, { done = true } = {}): Promise<string> => {
    const run = newRunId()
    await world.publish(
      requested(run),
      outcome(run, 1),
      ...(done ? [completed(run, { endedAt: Date.now() - ageMs })] : []),
    )
    for (const [stream, to] of commandsOf(run)) await publishTo(stream, to)
    await nc.request(
      subject.log(run, 1, 1),
      encode({ writer: 'w', seq: 0, lines: [{ at: 1, level: 'info', stream: 'log', text: 'x' }] }),
    )
    await world.untilSql(`select count(*)::int from logs where run = '${run}'`, 1)
    await world.untilSql(`select count(*)::int from steps where run = '${run}'`, 1)
    if (done) await world.untilSql(`select state from runs where run = '${run}'`, 'completed')
    return run
  }
  const recordsOf = async (run: string) =>
    (await readLastOf(nc, STREAM.runs, [record(run).all])).map((each) => each.subject)
  const purge = () => purgeRecords(results.actor, pool, ALL_SHARDS, DAY)
  const whole = (run: string) => [record(run).requested, record(run).outcome(1), record(run).completed]

  await t.test(
    'a run that ended a day ago leaves its tombstones, and nothing else in any stream',
    async () => {
      const run = await endedRun(DAY + 1000)
      await purge()
      assert.deepEqual(await recordsOf(run), [record(run).requested, record(run).completed])
      for (const [stream, to] of commandsOf(run))
        assert.equal(await readLast(nc, stream, to), undefined, stream)
      assert.equal(await readLast(nc, STREAM.logs, filter.runLogs(run)), undefined)
      assert.equal((await world.ask('storage', {})).purged, 1)
      assert.equal((await world.ask('steps', { run })).steps.length, 1, 'its rows stay')
    },
  )

  await t.test('a run that ended less than a day ago stays', async () => {
    const run = await endedRun(DAY - 60_000)
    await purge()
    assert.deepEqual(await recordsOf(run), whole(run))
  })

  await t.test('a run that has not ended stays', async () => {
    const run = await endedRun(0, { done: false })
    await purge()
    assert.equal((await recordsOf(run)).length, 2)
  })

  await t.test('a run whose flow request is still there stays until that is gone', async () => {
    const run = await endedRun(2 * DAY)
    const publisher = new Publisher(nc, { stream: STREAM.flows })
    await publisher.create({ subject: subject.request(run), body: encode({}) })
    await purge()
    assert.deepEqual(await recordsOf(run), whole(run))
    await nc.request(`$JS.API.STREAM.PURGE.${STREAM.flows}`, '')
    await purge()
    assert.equal((await recordsOf(run)).length, 2)
  })

  await t.test('a run with a record that is not in Postgres yet stays until it is', async () => {
    const run = await endedRun(2 * DAY)
    await results.stop()
    const other = await world.results('results-2')
    await other.stop()
    await world.publish(outcome(run, 2))
    const bench = world.bench
    await purgeRecords(bench, pool, ALL_SHARDS, DAY)
    assert.equal((await recordsOf(run)).length, 4)
    const third = await world.results('results-3')
    await world.untilSql(`select count(*)::int from steps where run = '${run}'`, 2)
    await purgeRecords(bench, pool, ALL_SHARDS, DAY)
    assert.equal((await recordsOf(run)).length, 2)
    await third.stop()
  })

  await t.test('tombstones go after a month, and the id of the run stays known', async () => {
    const fresh = await world.results('results-4')
    const old = await endedRun(31 * DAY)
    const young = await endedRun(29 * DAY)
    await purgeRecords(fresh.actor, pool, ALL_SHARDS, DAY)
    const purgeOld = () =>
      purgeTombstones(fresh.actor, pool, fresh.actor.publisher({ stream: STREAM.runs }), ALL_SHARDS, 30 * DAY)
    await purgeOld()
    assert.deepEqual(await recordsOf(old), [record(old).retired])
    await world.untilSql(`select kept from runs where run = '${old}'`, 'nothing')
    // As after a crash between the purge and the note of it, when the record itself has been read.
    await world.sql(`update runs set kept = 'tombstones' where run = '${old}'`)
    const last = (await readLast(nc, STREAM.runs, record(old).retired))?.sequence ?? 0
    await world.untilSql(
      `select position >= ${last} from positions where unit = 'RUNS.${shardOf(old)}'`,
      true,
    )
    await purgeOld()
    assert.deepEqual(await recordsOf(old), [record(old).retired])
    assert.equal((await recordsOf(young)).length, 2)
    assert.equal((await world.ask('run', { run: old })).run?.state, 'completed')
    await fresh.stop()
  })

  await t.test('a results actor purges by itself, the runs of its shards', async () => {
    const actor = await world.results('results-5', { ...RETENTION, everyMs: 50 })
    const run = await endedRun(2 * DAY)
    await world.untilSql(`select kept from runs where run = '${run}'`, 'tombstones')
    assert.equal((await recordsOf(run)).length, 2)
    await actor.stop()
  })
  await pool.end()
})
