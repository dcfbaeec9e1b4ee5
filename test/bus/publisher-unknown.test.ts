import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectBus } from '#shared/bus/connect.ts'
import { type Creation, Publisher } from '#shared/bus/publisher.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { record } from '#shared/contract/subjects.ts'
import { until } from '../support/until.ts'
import { withBroker } from '../support/with-broker.ts'
import { openLine } from './line.ts'
import { assertEachOnce, drafts, stored, tally } from './records.ts'

// The broker is killed at different moments of a publish: before, while and after it stores.
for (const [count, batchSize] of [
  [8, 900],
  [2000, 900],
  [3000, 200],
] as const) {
  test(`a broker that is killed while ${count} drafts are published has each once, and every result is right`, async () => {
    await using broker = await withBroker()
    const bus = await broker.connect('admin')
    for (let round = 0; round < 3; round++) {
      const run = `killed-${round}`
      const all = drafts(run, count, 'mine')
      const taken = new Set(all.filter((_, i) => i % 10 === 0).map((each) => each.subject))
      const others = new Publisher(bus.nc, { stream: STREAM.runs })
      await Promise.all(
        drafts(run, count, 'theirs')
          .filter((each) => taken.has(each.subject))
          .map((each) => others.create(each)),
      )
      const publisher = new Publisher(bus.nc, { stream: STREAM.runs, batchSize })
      let settled = 0
      const results: Promise<Creation[]> = Promise.all(
        all.map((each) => publisher.create(each).finally(() => settled++)),
      )
      if (round > 0) await until('some are stored', () => settled >= (count * (round - 1)) / 3)
      await broker.kill()
      await broker.restart()
      for (const [i, result] of (await results).entries()) {
        assert.equal(result, taken.has(all[i]?.subject ?? '') ? 'present' : 'stored', `${run} ${i}`)
      }
      const found = await stored(bus.nc, STREAM.runs, record(run).all)
      assertEachOnce(found, all)
      const writers = tally(found.map((each) => Buffer.from(each.data).toString().split(' ')[0]))
      assert.deepEqual(
        writers,
        new Map([
          ['theirs', taken.size],
          ['mine', count - taken.size],
        ]),
      )
    }
  })
}

for (const count of [1, 10, 400]) {
  test(`of ${count} drafts that were stored and whose answer was lost, each is ours or theirs, as it is`, async () => {
    await using broker = await withBroker()
    const bus = await broker.connect('admin')
    await using line = await openLine(broker.url)
    await using far = await connectBus({ ...(await broker.addressOf('admin')), url: line.url }, 'far')
    const run = 'unanswered'
    const theirs = drafts(run, count + 20, 'theirs').slice(count)
    const others = new Publisher(bus.nc, { stream: STREAM.runs })
    const publisher = new Publisher(far.nc, { stream: STREAM.runs })
    await far.nc.flush()
    line.goDeaf()
    const results = Promise.all(drafts(run, count, 'mine').map((each) => publisher.create(each)))
    const log = record(run).all
    await until('ours are stored', async () => (await stored(bus.nc, STREAM.runs, log)).length === count)
    await Promise.all(theirs.map((each) => others.create(each)))
    const later = Promise.all(
      drafts(run, count + 20, 'mine')
        .slice(count)
        .map((each) => publisher.create(each)),
    )
    line.breakOff()
    assert.deepEqual(tally(await results), new Map([['stored', count]]))
    assert.deepEqual(tally(await later), new Map([['present', 20]]))
    assertEachOnce(await stored(bus.nc, STREAM.runs, log), drafts(run, count + 20))
  })
}

test('of two publishers whose broker is killed under them, one hears "stored" for each subject', async () => {
  await using broker = await withBroker()
  const [a, b] = [await broker.connect('admin'), await broker.connect('coordinator')]
  const publishers = [a, b].map(({ nc }) => new Publisher(nc, { stream: STREAM.runs, batchSize: 200 }))
  const all = drafts('both', 3000)
  const results = Promise.all(
    publishers.map((publisher, who) =>
      Promise.all(drafts('both', 3000, `w${who}`).map((each) => publisher.create(each))),
    ),
  )
  await until(
    'some are stored',
    async () => (await stored(a.nc, STREAM.runs, record('both').all)).length > 100,
  )
  await broker.kill()
  await broker.restart()
  const [first, second] = await results
  const found = await stored(a.nc, STREAM.runs, record('both').all)
  assertEachOnce(found, all)
  const writer = new Map(found.map((each) => [each.subject, Buffer.from(each.data).toString().slice(0, 2)]))
  for (const [i, { subject: at }] of all.entries()) {
    assert.deepEqual([first?.[i], second?.[i]].sort(), ['present', 'stored'])
    assert.equal(writer.get(at), first?.[i] === 'stored' ? 'w0' : 'w1')
  }
})

test('what is published while the broker is away is stored when it is back', async () => {
  await using broker = await withBroker()
  const bus = await broker.connect('admin')
  await broker.kill()
  const publisher = new Publisher(bus.nc, { stream: STREAM.runs })
  const all = drafts('away', 100)
  const results = Promise.all(all.map((each) => publisher.create(each)))
  await broker.restart()
  assert.deepEqual(tally(await results), new Map([['stored', 100]]))
  assertEachOnce(await stored(bus.nc, STREAM.runs, record('away').all), all)
})

test('close() ends what cannot be published while the broker is away', async () => {
  await using broker = await withBroker()
  const bus = await broker.connect('admin')
  await broker.kill()
  const publisher = new Publisher(bus.nc, { stream: STREAM.runs })
  const results = Promise.allSettled(drafts('never', 100).map((each) => publisher.create(each)))
  await until('it is being sent', () => publisher.waiting === 0)
  publisher.close()
  for (const each of await results)
    assert.equal((each as { reason: { code: string } }).reason.code, 'UNREACHABLE')
  await bus.nc.close()
})
