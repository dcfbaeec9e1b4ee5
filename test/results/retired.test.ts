/** A run whose log is gone from the broker: its id stays taken, and what it came to is still told. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readLast, readLastOf } from '#shared/bus/direct.ts'
import { clientOn } from '#shared/client/client.ts'
import { openSessionAt } from '#shared/client/session.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { filter, record } from '#shared/contract/subjects.ts'
import { requestDigest } from '#shared/wire/request-digest.ts'
import { RETENTION } from '../../services/results/retention.ts'
import { completed, inline, requested } from './records.ts'
import { openWorld } from './world.ts'

const FLOW = 'tutorial'
const BUNDLE = 'a'.repeat(64)

test('a run whose log is gone', async (t) => {
  await using world = await openWorld()
  await using client = clientOn(await openSessionAt(await world.broker.addressOf('client')))
  const { nc } = world.bench.bus
  const digest = requestDigest(FLOW, BUNDLE, inline({ n: 3 }))
  const ended = { endedAt: Date.now() - 1_000, startedAt: Date.now() - 3_000, result: inline(42) }
  await world.publish(
    requested('chosen', { digest }),
    completed('chosen', ended),
    requested('chosen-1', {
      digest,
      parent: { run: 'chosen', step: 1, attempt: 1, name: FLOW, digest: 'd', queuedAt: 1 },
    }),
    completed('chosen-1', {
      ...ended,
      state: 'failed',
      error: { code: 'FLOW_FAILED', name: 'E', message: 'no' },
    }),
  )
  const results = await world.results('results-1', { ...RETENTION, log: 0, tombstones: 0, everyMs: 20 })
  await world.untilSql(`select count(*)::int from runs where kept = 'nothing'`, 2)

  await t.test('leaves one record, a sub-flow none, since only its parent asks for it', async () => {
    const left = await readLastOf(nc, STREAM.runs, [filter.runs])
    assert.deepEqual(
      left.map(({ subject }) => subject),
      [record('chosen').retired],
    )
  })

  await t.test('is still found with its outcome and result', async () => {
    assert.equal(await client.result('chosen'), 42)
    assert.equal((await client.find('chosen'))?.state, 'ended')
    const { state, error, flow } = await client.outcome('chosen-1')
    assert.deepEqual([state, error?.code, flow], ['failed', 'FLOW_FAILED', FLOW])
    await assert.rejects(client.result('nobody'), { code: 'UNKNOWN_RUN' })
  })

  await t.test('is what the same id with the same work stands for: nothing is asked for again', async () => {
    const wanted = { run: 'chosen', flow: FLOW, bundle: BUNDLE, params: { n: 3 } }
    assert.equal(await client.request(wanted), 'chosen')
    assert.equal(await readLast(nc, STREAM.flows, filter.flowAnyShard('chosen')), undefined)
    assert.equal(await client.result('chosen'), 42)
  })

  await t.test('is not what the same id with other work stands for', async () => {
    const other = { run: 'chosen', flow: FLOW, bundle: BUNDLE, params: { n: 4 } }
    await assert.rejects(client.request(other), { code: 'REQUEST_CONFLICT' })
  })
  await results.stop()
})
