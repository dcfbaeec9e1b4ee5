import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { jetstreamManager } from '@nats-io/jetstream'
import { headerLine } from '#shared/bus/headers.ts'
import { type Creation, type Draft, Publisher, type PublisherOptions } from '#shared/bus/publisher.ts'
import { homePaths } from '#shared/config/home.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { record, subject } from '#shared/contract/subjects.ts'
import { atEndOfFile } from '../support/leaks.ts'
import { withBroker } from '../support/with-broker.ts'
import { assertEachOnce, draft, drafts, stored, tally } from './records.ts'

const broker = await withBroker()
atEndOfFile(() => broker[Symbol.asyncDispose]())
const { nc } = await broker.connect('admin')
const manager = await jetstreamManager(nc)

const runs = (options: Partial<PublisherOptions> = {}) =>
  new Publisher(nc, { stream: STREAM.runs, ...options })
const createAll = (publisher: Publisher, all: Draft[]): Promise<Creation[]> =>
  Promise.all(all.map((each) => publisher.create(each)))

test('the broker syncs to disk before it acknowledges', async () => {
  const config = await readFile(homePaths(broker.home).brokerConfig, 'utf8')
  assert.match(config, /^\s*sync_interval: always$/m)
})

test('2,000 drafts at once are all stored, each once, in the order they came', async () => {
  const all = drafts('bulk', 2000)
  const results = await createAll(runs(), all)
  assert.deepEqual(tally(results), new Map([['stored', 2000]]))
  const found = await stored(nc, STREAM.runs, record('bulk').all)
  assertEachOnce(found, all)
})

test('one batch in flight keeps the order of what is published', async () => {
  const all = drafts('ordered', 1500)
  await createAll(runs({ batchesInFlight: 1, batchSize: 200 }), all)
  const found = await stored(nc, STREAM.runs, record('ordered').all)
  assert.deepEqual(
    found.map((each) => each.subject),
    all.map((each) => each.subject),
  )
})

test('2,000 drafts cost a few writes of the broker, not 2,000', async () => {
  const commits: string[] = []
  const watched = new Proxy(nc, {
    get(target, key) {
      const value = Reflect.get(target, key) as unknown
      if (key === 'request') {
        return (to: string, ...rest: unknown[]) => {
          commits.push(to)
          return (value as (...args: unknown[]) => unknown).call(target, to, ...rest)
        }
      }
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  await createAll(new Publisher(watched, { stream: STREAM.runs, batchSize: 900 }), drafts('few-writes', 2000))
  assert.ok(commits.length <= 5, `${commits.length} answers were waited for`)
})

for (const count of [3, 14, 15, 400]) {
  test(`of ${count} drafts those whose subject is taken are present, and the rest are stored once`, async () => {
    const run = `some-taken-${count}`
    const all = drafts(run, count, 'second')
    const taken = all.filter((_, i) => i % 3 === 1)
    await createAll(
      runs(),
      taken.map((each) => ({ ...each, body: Buffer.from('first') })),
    )
    const results = await createAll(runs(), all)
    for (const [i, result] of results.entries())
      assert.equal(result, i % 3 === 1 ? 'present' : 'stored', String(i))
    const found = await stored(nc, STREAM.runs, record(run).all)
    assertEachOnce(found, all)
    for (const { subject: at, data } of found) {
      const first = taken.some((each) => each.subject === at)
      assert.equal(Buffer.from(data).toString().startsWith('first'), first)
    }
  })
}

for (const count of [2, 40, 950]) {
  test(`${count} drafts that each come twice at once are stored once, and one of the two hears "stored"`, async () => {
    const run = `twice-${count}`
    const all = drafts(run, count)
    const publisher = runs()
    const results = await createAll(
      publisher,
      all.flatMap((each) => [each, { ...each, body: Buffer.from('other') }]),
    )
    for (let i = 0; i < results.length; i += 2)
      assert.deepEqual(results.slice(i, i + 2).sort(), ['present', 'stored'], String(i))
    assertEachOnce(await stored(nc, STREAM.runs, record(run).all), all)
  })
}

test('two publishers that race for 500 subjects: each is stored once, and one of the two hears "stored"', async () => {
  const other = await broker.connect('coordinator')
  for (let round = 0; round < 5; round++) {
    const run = `race-${round}`
    const mine = drafts(run, 500, 'mine')
    const theirs = drafts(run, 500, 'theirs')
    const [a, b] = await Promise.all([
      createAll(runs({ batchSize: 200 }), mine),
      createAll(new Publisher(other.nc, { stream: STREAM.runs, batchSize: 90 }), theirs),
    ])
    const found = await stored(nc, STREAM.runs, record(run).all)
    assertEachOnce(found, mine)
    const writer = new Map(
      found.map((each) => [each.subject, Buffer.from(each.data).toString().split(' ')[0]]),
    )
    for (const [i, { subject: at }] of mine.entries()) {
      assert.deepEqual([a[i], b[i]].sort(), ['present', 'stored'], at)
      assert.equal(writer.get(at), a[i] === 'stored' ? 'mine' : 'theirs', at)
    }
  }
})

test('appended drafts are stored every time, also among others that are refused', async () => {
  const log = record('append')
  const append = (n: number): Draft => ({ subject: log.cancel, body: Buffer.from(`line ${n}`), append: true })
  await createAll(runs(), [...drafts('append', 10), append(1)])
  const mixed = [...drafts('append', 20), ...Array.from({ length: 20 }, (_, i) => append(i + 2))]
  const results = await createAll(runs(), mixed)
  assert.deepEqual(tally(results.slice(20)), new Map([['stored', 20]]))
  const lines = (await stored(nc, STREAM.runs, log.cancel)).map((each) => Buffer.from(each.data).toString())
  assert.deepEqual(
    lines,
    Array.from({ length: 21 }, (_, i) => `line ${i + 1}`),
  )
})

test('a stream without batches takes appended drafts in the order they came', async () => {
  const publisher = new Publisher(nc, {
    stream: STREAM.logs,
    atomic: false,
    batchSize: 100,
    batchesInFlight: 1,
  })
  const all = Array.from({ length: 300 }, (_, i) => ({
    subject: subject.log('lines', 1, 1),
    body: Buffer.from(String(i)),
    append: true,
  }))
  await createAll(publisher, all)
  const found = await stored(nc, STREAM.logs, subject.log('lines', 1, 1))
  assert.deepEqual(
    found.map((each) => Number(Buffer.from(each.data).toString())),
    Array.from({ length: 300 }, (_, i) => i),
  )
})

test('a request that the stream keeps under another subject is found there when it is taken', async () => {
  const request = (run: string, body: string): Draft => ({
    subject: subject.request(run),
    storedAs: subject.flow(run),
    body: Buffer.from(body),
  })
  const flows = () => new Publisher(nc, { stream: STREAM.flows, atomic: false })
  const ids = Array.from({ length: 40 }, (_, i) => `mapped-${i}`)
  assert.deepEqual(
    tally(
      await createAll(
        flows(),
        ids.map((id) => request(id, 'first')),
      ),
    ),
    new Map([['stored', 40]]),
  )
  assert.deepEqual(
    tally(
      await createAll(
        flows(),
        ids.map((id) => request(id, 'second')),
      ),
    ),
    new Map([['present', 40]]),
  )
  const found = await stored(nc, STREAM.flows, 'qubus.v1.flow.>')
  assertEachOnce(
    found,
    ids.map((id) => request(id, '')),
  )
  assert.ok(found.every((each) => Buffer.from(each.data).toString() === 'first'))
})

test('headers of a draft are stored, and the draft can be sent again', async () => {
  const sent: Draft = { ...draft('headers', 1), headers: headerLine('ce-type', 'qubus.step.completed') }
  assert.equal(await runs().create(sent), 'stored')
  assert.equal(await runs().create(sent), 'present')
  await createAll(
    runs(),
    drafts('headers', 30).map((each) => ({ ...each, headers: sent.headers as string })),
  )
  const info = await manager.direct.getMessage(STREAM.runs, { last_by_subj: record('headers').outcome(20) })
  assert.equal(info?.header.get('ce-type'), 'qubus.step.completed')
})

test('a draft that the broker can never take is refused, and does not hold up others', async () => {
  const publisher = runs()
  const large: Draft = { ...draft('too-large', 1), body: Buffer.alloc(2_000_000) }
  const results = await Promise.allSettled([
    publisher.create(large),
    ...drafts('too-large', 30)
      .slice(1)
      .map((each) => publisher.create(each)),
  ])
  assert.equal(results[0]?.status, 'rejected')
  assert.ok(results.slice(1).every((each) => each.status === 'fulfilled' && each.value === 'stored'))
})

test('close() rejects what waits and what comes later', async () => {
  const publisher = runs({ batchSize: 20, batchesInFlight: 1 })
  const results = Promise.allSettled(drafts('closed', 500).map((each) => publisher.create(each)))
  publisher.close()
  const rejected = (await results).filter((each) => each.status === 'rejected')
  assert.ok(rejected.length >= 480, `${rejected.length} were rejected`)
  for (const each of rejected) assert.equal((each.reason as { code: string }).code, 'UNREACHABLE')
  await assert.rejects(publisher.create(draft('closed', 501)), { code: 'UNREACHABLE' })
  assert.equal(publisher.waiting, 0)
})
