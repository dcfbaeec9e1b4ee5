import assert from 'node:assert/strict'
import { test } from 'node:test'
import { jetstreamManager } from '@nats-io/jetstream'
import { type Draft, Publisher } from '#shared/bus/publisher.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { record } from '#shared/contract/subjects.ts'
import { atEndOfFile } from '../support/leaks.ts'
import { until } from '../support/until.ts'
import { withBroker } from '../support/with-broker.ts'
import { assertEachOnce, stored } from './records.ts'

const broker = await withBroker()
atEndOfFile(() => broker[Symbol.asyncDispose]())
const { nc } = await broker.connect('admin')
const manager = await jetstreamManager(nc)
await manager.streams.update(STREAM.runs, { max_bytes: 2_000_000 })

const large = (run: string, count: number): Draft[] =>
  Array.from({ length: count }, (_, i) => ({
    subject: record(run).outcome(i + 1),
    body: Buffer.alloc(20_000, 'x'),
  }))

async function fill(): Promise<void> {
  await manager.streams.purge(STREAM.runs)
  const publisher = new Publisher(nc, { stream: STREAM.runs, whenFull: 'throw', batchSize: 1 })
  const results = await Promise.allSettled(large('filling', 120).map((each) => publisher.create(each)))
  assert.ok(
    results.some((each) => each.status === 'rejected'),
    'it is full',
  )
}

for (const count of [1, 40]) {
  test(`${count} drafts for a full stream are refused as STREAM_FULL`, async () => {
    await fill()
    const publisher = new Publisher(nc, { stream: STREAM.runs, whenFull: 'throw' })
    const results = await Promise.allSettled(
      large(`full-${count}`, count).map((each) => publisher.create(each)),
    )
    for (const each of results) {
      assert.equal(each.status, 'rejected')
      assert.equal((each.reason as { code: string }).code, 'STREAM_FULL')
      assert.match((each.reason as Error).message, /RUNS/)
    }
    assert.deepEqual(await stored(nc, STREAM.runs, record(`full-${count}`).all), [])
  })

  test(`what is there already is present, also when the stream is full (${count} drafts)`, async () => {
    await fill()
    const there = await stored(nc, STREAM.runs, record('filling').all)
    const publisher = new Publisher(nc, { stream: STREAM.runs, whenFull: 'throw' })
    const again = there
      .slice(0, count)
      .map((each) => ({ subject: each.subject, body: Buffer.from(each.data) }))
    assert.equal(again.length, count)
    const results = await Promise.allSettled(
      [...again, ...large('new', count)].map((each) => publisher.create(each)),
    )
    for (const each of results.slice(0, count))
      assert.deepEqual(each, { status: 'fulfilled', value: 'present' })
    for (const each of results.slice(count)) assert.equal(each.status, 'rejected')
  })

  test(`${count} drafts wait for space and are stored once when it comes back`, async () => {
    await fill()
    const publisher = new Publisher(nc, { stream: STREAM.runs })
    const all = large(`patient-${count}`, count)
    let settled = 0
    const results = Promise.all(all.map((each) => publisher.create(each).finally(() => settled++)))
    await nc.flush()
    const refused = (await stored(nc, STREAM.runs, record(`patient-${count}`).all)).length === 0
    assert.ok(refused && settled === 0)
    await manager.streams.purge(STREAM.runs, { filter: record('filling').all })
    assert.deepEqual([...new Set(await results)], ['stored'])
    assertEachOnce(await stored(nc, STREAM.runs, record(`patient-${count}`).all), all)
  })
}

test('a full stream holds up its own publisher only', async () => {
  await fill()
  const waiting = new Publisher(nc, { stream: STREAM.runs })
  const held = waiting.create(large('held', 1)[0] as Draft)
  const other = new Publisher(nc, { stream: STREAM.tasks })
  assert.equal(
    await other.create({ subject: 'qubus.v1.task.cpu.1.r.1.1', body: new Uint8Array(1) }),
    'stored',
  )
  waiting.close()
  await assert.rejects(held, { code: 'UNREACHABLE' })
  await until('nothing waits', () => waiting.waiting === 0)
})
