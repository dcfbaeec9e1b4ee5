/** What results lets go of by age: rows, blobs, dead letters. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { openBlobs } from '#shared/bus/blobs.ts'
import { readLast, readLastOf } from '#shared/bus/direct.ts'
import { Publisher } from '#shared/bus/publisher.ts'
import { newRunId } from '#shared/contract/ids.ts'
import { BLOB_BUCKET, STREAM, type StreamName } from '#shared/contract/streams.ts'
import { filter, record, subject } from '#shared/contract/subjects.ts'
import { encode } from '#shared/wire/message.ts'
import { blobCollector, hashesIn } from '../../services/results/collect-blobs.ts'
import { openPool } from '../../services/results/database.ts'
import { pruneRows } from '../../services/results/prune-rows.ts'
import { RETENTION } from '../../services/results/retention.ts'
import { purgeBefore } from '../../services/results/stream-api.ts'
import { until } from '../support/until.ts'
import { completed, failedAttempt, outcome, requested } from './records.ts'
import { openWorld } from './world.ts'

const DAY = 24 * 3600 * 1000

test('results lets go by age', async (t) => {
  await using world = await openWorld()
  const results = await world.results()
  const { nc } = world.bench.bus
  const pool = openPool(world.postgres.url, world.bench.log)
  const { blobs } = world.bench
  const publish = async (stream: StreamName, to: string, body: unknown) => {
    const publisher = new Publisher(nc, { stream, atomic: false })
    await publisher.create({ subject: to, body: encode(body) })
    publisher.close()
  }
  const stored = (run: string) => world.untilSql(`select state from runs where run = '${run}'`, 'completed')

  await t.test(
    'log lines after a month, rows after a year, once the broker has nothing of the run',
    async () => {
      const endedRun = async (days: number, kept: string) => {
        const run = newRunId()
        const times = { endedAt: Date.now() - days * DAY - 1000 }
        await world.publish(requested(run), failedAttempt(run, 1, 1), outcome(run, 1), completed(run, times))
        const lines = Array.from({ length: 20 }, (_, at) => ({ at, level: 'info', stream: 'log', text: 'x' }))
        await nc.request(subject.log(run, 1, 1), encode({ writer: 'w', seq: 0, lines }))
        await world.untilSql(`select count(*)::int from logs where run = '${run}'`, 20)
        await stored(run)
        await world.sql(`update runs set kept = '${kept}' where run = '${run}'`)
        return run
      }
      const [young, middle, held, old] = [
        await endedRun(29, 'nothing'),
        await endedRun(31, 'nothing'),
        await endedRun(366, 'tombstones'),
        await endedRun(366, 'nothing'),
      ]
      assert.deepEqual(await pruneRows(pool, RETENTION), { logs: 3, runs: 1 })
      assert.deepEqual(await pruneRows(pool, RETENTION), { logs: 0, runs: 0 }, 'a round that finds nothing')
      const rowsOf = async (run: string) => {
        const counts: number[] = []
        for (const table of ['runs', 'steps', 'attempts', 'logs'])
          counts.push(
            Number((await world.sql(`select count(*)::int as n from ${table} where run = '${run}'`))[0]?.n),
          )
        return counts
      }
      assert.deepEqual(await rowsOf(young), [1, 1, 1, 20])
      assert.deepEqual(await rowsOf(middle), [1, 1, 1, 0])
      assert.deepEqual(await rowsOf(held), [1, 1, 1, 0])
      assert.deepEqual(await rowsOf(old), [0, 0, 0, 0])
    },
  )

  await t.test('a blob goes when nothing refers to it, wherever a reference may stand', async () => {
    const bytesOf = new Map<string, Uint8Array>()
    const put = async () => {
      const bytes = randomBytes(300_000)
      const blob = await blobs.put(bytes)
      bytesOf.set(blob, bytes)
      return { blob, size: bytes.length }
    }
    const [params, bundle, result, step, oldStep, artifact, ...waitingOnTheBroker] = await Promise.all(
      Array.from({ length: 16 }, put),
    )
    assert.ok(params && bundle && result && step && oldStep && artifact)
    const [queued, command, permit, circuit, submission, published, scheduled, signal, cached, dead] =
      waitingOnTheBroker
    assert.ok(queued && command && permit && circuit && submission)
    assert.ok(published && scheduled && signal && cached && dead)
    const lost = await Promise.all([put(), put()])
    const [active, waiting, purged] = [newRunId(), newRunId(), newRunId()]
    const art = { key: 'k', type: 'json', payload: artifact, at: 1 } as const
    await world.publish(
      requested(active, { payload: params, bundle: bundle.blob }),
      outcome(active, 1, { result: step, artifacts: [art] }),
      completed(active, { result }),
      requested(purged),
      outcome(purged, 1, { result: oldStep }),
      completed(purged),
    )
    await stored(active)
    await stored(purged)
    await world.sql(`update runs set kept = 'tombstones' where run = '${purged}'`)
    await publish(STREAM.flows, subject.request(waiting), { flow: 'f', payload: queued })
    const of = (step: number) => ({ run: waiting, step, attempt: 1 })
    await publish(STREAM.tasks, subject.task('cpu', of(1)), { payload: command })
    const held = { further: [], command: { body: encode({ payload: permit }) } }
    await publish(STREAM.permits, subject.permit('licences', of(2)), held)
    await publish(STREAM.circuits, subject.circuit('any', of(3)), { payload: circuit })
    await publish(STREAM.submissions, subject.submission(of(4)), { payload: submission })
    await publish(STREAM.schedules, subject.schedule('s'), { request: { flow: 'f', payload: scheduled } })
    await publish(STREAM.dead, `${subject.dead(STREAM.tasks, subject.task('cpu', of(5)))}.1`, {
      body: encode({ payload: dead }),
    })
    await publish(STREAM.catalog, subject.published('f'), { flow: 'f', bundle: published.blob })
    await publish(STREAM.signals, subject.signal('shared', 's'), { value: signal })
    await publish(STREAM.cache, subject.cache('k'), { result: cached })
    const names = async () => {
      const entries = await readLastOf(nc, `OBJ_${BLOB_BUCKET}`, [`$O.${BLOB_BUCKET}.M.>`])
      return entries.map(({ data }) => JSON.parse(Buffer.from(data).toString()).name as string).sort()
    }
    const all = await names()
    const collector = blobCollector(results.actor, pool)
    const now = Date.now()
    assert.equal(await collector.collect(RETENTION, now), 0, 'young ones stay')
    assert.equal(await collector.collect(RETENTION, now + DAY + 1000), 0, 'at first sight none goes')
    const again = lost[1]?.blob ?? ''
    // By one who is about to refer to it.
    await openBlobs(nc, { refreshAfterMs: 0 }).put(bytesOf.get(again) ?? new Uint8Array())
    assert.equal(await collector.collect(RETENTION, now + DAY + DAY / 12 + 2000), 2)
    const gone = [lost[0]?.blob, oldStep.blob]
    assert.deepEqual(
      await names(),
      all.filter((name) => !gone.includes(name)),
    )
    for (const kept of [params, bundle, result, step, artifact, ...waitingOnTheBroker])
      assert.equal((await blobs.get(kept.blob)).length, 300_000)
    assert.equal((await blobs.get(again)).length, 300_000)
    await assert.rejects(blobs.get(oldStep.blob), { code: 'BLOB_MISSING' })
    await nc.request(`$JS.API.STREAM.PURGE.${STREAM.dead}`)
  })

  await t.test('pieces of a blob that was never stored whole go after a while', async () => {
    const chunks = `$O.${BLOB_BUCKET}.C.>`
    const before = (await readLastOf(nc, `OBJ_${BLOB_BUCKET}`, [chunks])).length
    for (const piece of ['a', 'b']) await nc.request(`$O.${BLOB_BUCKET}.C.unfinished`, piece)
    const collector = blobCollector(results.actor, pool)
    assert.equal(await collector.collectPieces(Date.now()), 0, 'they may be on their way')
    assert.equal(await collector.collectPieces(Date.now() + 301_000), 1)
    assert.equal((await readLastOf(nc, `OBJ_${BLOB_BUCKET}`, [chunks])).length, before)
    assert.equal(await collector.collectPieces(Date.now() + 3_601_000), 0)
  })

  await t.test('none goes while a record that may refer to it is not stored yet', async () => {
    const blob = await blobs.put(randomBytes(1000))
    await results.stop()
    await world.publish(requested(newRunId()))
    const collector = blobCollector(world.bench, pool)
    for (let hours = 25; hours < 50; hours += 3)
      assert.equal(await collector.collect(RETENTION, Date.now() + hours * 3600 * 1000), 0)
    assert.equal((await blobs.get(blob)).length, 1000)
  })

  await t.test('dead letters that are older than a time, and no other', async () => {
    const of = `${filter.dead.slice(0, -1)}FLOWS.x.`
    await nc.request(`${of}1`, 'a')
    const first = await readLast(nc, STREAM.dead, `${of}1`)
    await until('the next millisecond', () => Date.now() > Date.parse(first?.time ?? '') + 2)
    const between = Date.now()
    await until('the next millisecond', () => Date.now() > between + 2)
    await nc.request(`${of}2`, 'b')
    const left = async () => (await readLastOf(nc, STREAM.dead, [filter.dead])).length
    await purgeBefore(nc, STREAM.dead, filter.dead, between - DAY)
    assert.equal(await left(), 2)
    await purgeBefore(nc, STREAM.dead, filter.dead, between)
    assert.equal(await left(), 1)
    await purgeBefore(nc, STREAM.dead, filter.dead, Date.now() + DAY)
    assert.equal(await left(), 0)
  })
  await pool.end()
})

test('names of blobs are found in whatever holds them', () => {
  const hash = 'a1'.repeat(32)
  assert.deepEqual(hashesIn(encode({ deep: [{ blob: hash, size: 3 }] })), [hash])
  assert.deepEqual(hashesIn(Buffer.from(JSON.stringify({ bundle: hash }))), [hash])
  assert.deepEqual(hashesIn(encode({ body: encode({ blob: hash }) })), [hash])
  assert.deepEqual(hashesIn(encode({ run: record('x').requested })), [])
})
