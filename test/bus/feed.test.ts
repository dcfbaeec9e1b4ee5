import assert from 'node:assert/strict'
import { test } from 'node:test'
import { jetstreamManager } from '@nats-io/jetstream'
import type { Bus } from '#shared/bus/connect.ts'
import type { Delivery } from '#shared/bus/delivery.ts'
import { type Feed, type FeedOptions, openFeed } from '#shared/bus/feed.ts'
import { headerLine } from '#shared/bus/headers.ts'
import { Publisher } from '#shared/bus/publisher.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { filter, record } from '#shared/contract/subjects.ts'
import { until } from '../support/until.ts'
import { type TestBroker, withBroker } from '../support/with-broker.ts'
import { draft, drafts, stored } from './records.ts'

type Heard = Disposable & { feed: Feed; all: Delivery[] }

function hear(bus: Bus, options: Partial<FeedOptions> = {}): Heard {
  const all: Delivery[] = []
  const feed = openFeed(bus, {
    stream: STREAM.runs,
    filters: [filter.runs],
    from: 1,
    onBatch: (batch) => {
      all.push(...batch)
    },
    ...options,
  })
  return { feed, all, [Symbol.dispose]: () => feed.stop() }
}

const texts = (all: Delivery[]): string[] => all.map((each) => Buffer.from(each.data).toString())
const sequences = (all: Delivery[]): number[] => all.map((each) => each.sequence)

async function publish(bus: Bus, all: ReturnType<typeof drafts>): Promise<void> {
  const publisher = new Publisher(bus.nc, { stream: STREAM.runs })
  await Promise.all(all.map((each) => publisher.create(each)))
}

async function assertHeardAll(bus: Bus, heard: Heard, subject: string = filter.runs): Promise<void> {
  const wanted = (await stored(bus.nc, STREAM.runs, subject)).map((each) => each.sequence)
  await until(
    'everything was heard',
    () => heard.all.length >= wanted.length && heard.feed.position >= (wanted.at(-1) ?? 0),
  )
  assert.deepEqual(sequences(heard.all), wanted)
}

async function killAndRestart(broker: TestBroker): Promise<void> {
  await broker.kill()
  await broker.restart()
}

test('a feed gives everything in order, each once, while the broker is killed again and again under load', async () => {
  await using broker = await withBroker()
  const bus = await broker.connect('admin')
  using heard = hear(bus)
  using idle = hear(bus, { filters: [record('nobody').all] })
  const publisher = new Publisher(bus.nc, { stream: STREAM.runs, batchSize: 100 })
  let done = false
  const load = (async () => {
    for (let round = 0; !done; round++)
      await Promise.all(drafts(`load-${round}`, 200).map((each) => publisher.create(each)))
  })()
  for (let kill = 1; kill <= 4; kill++) {
    const before = heard.all.length
    await until('the feed flows', () => heard.all.length > before + 1000)
    await killAndRestart(broker)
  }
  const before = heard.all.length
  await until('the feed flows again', () => heard.all.length > before + 1000)
  done = true
  await load
  await assertHeardAll(bus, heard)
  await publish(bus, drafts('nobody', 3))
  await until('the silent feed lives too', () => idle.all.length === 3)
})

test('a feed goes on without gap or repeat when its consumer is deleted, or its connection made anew', async () => {
  await using broker = await withBroker()
  const bus = await broker.connect('admin')
  const other = await broker.connect('admin')
  const manager = await jetstreamManager(other.nc)
  using heard = hear(bus)
  await heard.feed.ready
  for (let round = 0; round < 6; round++) {
    const publishing = publish(other, drafts(`round-${round}`, 1500))
    const before = heard.all.length
    await until('it flows', () => heard.all.length > before)
    if (round % 2 === 0) {
      for await (const { name } of manager.consumers.list(STREAM.runs))
        if (name.startsWith('feed-')) await manager.consumers.delete(STREAM.runs, name)
    } else await bus.nc.reconnect()
    await publishing
  }
  await assertHeardAll(other, heard)
})

test('a feed starts at the wanted sequence', async () => {
  await using broker = await withBroker()
  const bus = await broker.connect('admin')
  await publish(bus, drafts('r', 50))
  using heard = hear(bus, { from: 41 })
  assert.equal(heard.feed.position, 40)
  await until('the rest came', () => heard.feed.position === 50)
  assert.deepEqual(sequences(heard.all), [41, 42, 43, 44, 45, 46, 47, 48, 49, 50])
  using ahead = hear(bus, { from: 61 })
  await ahead.feed.ready
  await publish(bus, drafts('s', 15))
  await until('what is due came', () => ahead.all.length === 5)
  assert.deepEqual(sequences(ahead.all), [61, 62, 63, 64, 65])
})

test('a new feed gives what comes after it is ready, and nothing of before', async () => {
  await using broker = await withBroker()
  const bus = await broker.connect('admin')
  await publish(bus, drafts('before', 30))
  using heard = hear(bus, { from: 'new' })
  await heard.feed.ready
  assert.equal(heard.feed.position, 30)
  await publish(bus, drafts('after', 30))
  await until('all came', () => heard.all.length >= 30)
  assert.deepEqual(new Set(heard.all.map((each) => each.subject.split('.')[4])), new Set(['after']))
})

test('a new feed on an empty stream loses nothing across an immediate restart of the broker', async () => {
  await using broker = await withBroker()
  const bus = await broker.connect('admin')
  const other = await broker.connect('admin')
  using heard = hear(bus, { from: 'new' })
  await heard.feed.ready
  await broker.kill()
  const publishing = publish(other, drafts('r', 20))
  await broker.restart()
  await publishing
  await assertHeardAll(other, heard)
})

test('a new feed that is opened while the broker is away is ready only when its consumer is made', async () => {
  await using broker = await withBroker()
  const bus = await broker.connect('admin')
  const other = await broker.connect('admin')
  await publish(bus, drafts('before', 5))
  await broker.kill()
  using heard = hear(bus, { from: 'new' })
  await broker.restart()
  await heard.feed.ready
  assert.equal(heard.feed.position, 5)
  await publish(other, drafts('after', 20))
  await until('all came', () => heard.all.length >= 20)
  assert.equal(heard.all.length, 20)
})

test('a new feed whose connection breaks while it is opened is ready only when its consumer is made', async () => {
  await using broker = await withBroker()
  const bus = await broker.connect('admin')
  const manager = await jetstreamManager((await broker.connect('admin')).nc)
  for (let round = 0; round < 10; round++) {
    using heard = hear(bus, { from: 'new' })
    const broken = bus.nc.reconnect()
    await heard.feed.ready
    assert.ok(heard.feed.position >= 0, 'it has a place to go on from')
    await broken
  }
  await until(
    'every consumer is gone',
    async () => (await manager.streams.info(STREAM.runs)).state.consumer_count <= 10,
  )
})

test('several filters give one feed in the order of the stream', async () => {
  await using broker = await withBroker()
  const bus = await broker.connect('admin')
  using heard = hear(bus, { filters: [record('a').all, record('c').all] })
  const publisher = new Publisher(bus.nc, { stream: STREAM.runs, batchesInFlight: 1 })
  await Promise.all(
    Array.from({ length: 100 }, (_, i) => publisher.create(draft(['a', 'b', 'c'][i % 3]!, i + 1))),
  )
  await until('all came', () => heard.all.length === 67)
  assert.deepEqual(
    sequences(heard.all),
    Array.from({ length: 100 }, (_, i) => i + 1).filter((n) => n % 3 !== 2),
  )
})

test('headers alone are given without the body', async () => {
  await using broker = await withBroker()
  const bus = await broker.connect('admin')
  await publish(bus, [{ ...draft('r', 1), headers: headerLine('ce-type', 'x') }])
  using heard = hear(bus, { headersOnly: true })
  await until('it came', () => heard.all.length === 1)
  assert.equal(heard.all[0]?.data.length, 0)
  assert.equal(heard.all[0]?.headers?.get('ce-type'), 'x')
})

test('a slow handler holds the broker back: never more than the window is under way', async () => {
  await using broker = await withBroker()
  const bus = await broker.connect('admin')
  await publish(bus, drafts('r', 3000))
  const manager = await jetstreamManager(bus.nc)
  const window = 100
  let handled = 0
  let most = 0
  const heard: number[] = []
  const feed = openFeed(bus, {
    stream: STREAM.runs,
    filters: [filter.runs],
    from: 1,
    window,
    async onBatch(batch) {
      assert.equal(feed.position, heard.at(-1) ?? 0, 'the position is what was handled')
      for await (const info of manager.consumers.list(STREAM.runs))
        most = Math.max(most, info.delivered.consumer_seq - handled)
      heard.push(...sequences(batch))
      handled += batch.length
    },
  })
  await until('all were handled', () => handled === 3000)
  feed.stop()
  assert.deepEqual(
    heard,
    Array.from({ length: 3000 }, (_, i) => i + 1),
  )
  assert.ok(most > 0 && most <= window, `${most} were under way`)
})

test('a feed that is stopped gives nothing more and leaves nothing on the broker', async () => {
  await using broker = await withBroker()
  const bus = await broker.connect('admin')
  const manager = await jetstreamManager(bus.nc)
  const heard = hear(bus)
  await publish(bus, drafts('r', 10))
  await until('it flows', () => heard.all.length === 10)
  heard.feed.stop()
  await publish(bus, drafts('s', 10))
  await until(
    'its consumer is gone',
    async () => (await manager.streams.info(STREAM.runs)).state.consumer_count === 0,
  )
  assert.equal(heard.all.length, 10)
  assert.equal(texts(heard.all)[9], 'w 10')
})

test('a feed across a purge goes on with what comes after', async () => {
  await using broker = await withBroker()
  const bus = await broker.connect('admin')
  using heard = hear(bus)
  await publish(bus, drafts('old', 100))
  await until('it flows', () => heard.all.length === 100)
  await (await jetstreamManager(bus.nc)).streams.purge(STREAM.runs)
  await publish(bus, drafts('later', 100))
  await until('all came', () => heard.all.length === 200)
  assert.deepEqual(
    sequences(heard.all),
    Array.from({ length: 200 }, (_, i) => i + 1),
  )
})
