import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MULTI_LAST_LIMIT, readAll, readLast, readLastOf } from '#shared/bus/direct.ts'
import { Publisher } from '#shared/bus/publisher.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { filter, record } from '#shared/contract/subjects.ts'
import { atEndOfFile } from '../support/leaks.ts'
import { withBroker } from '../support/with-broker.ts'
import { draft, drafts, stored } from './records.ts'

const broker = await withBroker()
atEndOfFile(() => broker[Symbol.asyncDispose]())
const { nc } = await broker.connect('admin')
const publisher = new Publisher(nc, { stream: STREAM.runs })
const create = (all: ReturnType<typeof drafts>) => Promise.all(all.map((each) => publisher.create(each)))

test('what is not there is read as nothing', async () => {
  assert.equal(await readLast(nc, STREAM.runs, record('nobody').requested), undefined)
  assert.deepEqual(
    await readLastOf(nc, STREAM.runs, [record('nobody').requested, record('nobody').completed]),
    [],
  )
  assert.deepEqual(await readLastOf(nc, STREAM.runs, []), [])
  assert.deepEqual(await stored(nc, STREAM.runs, record('nobody').all), [])
})

test('the last message of a subject is read with its sequence, body and time', async () => {
  const at = record('last').cancel
  for (const body of ['one', 'two', ''])
    await publisher.create({ subject: at, body: Buffer.from(body), append: true })
  const found = await readLast(nc, STREAM.runs, at)
  assert.equal(found?.subject, at)
  assert.equal(Buffer.from(found?.data ?? []).toString(), '')
  const all = await stored(nc, STREAM.runs, at)
  assert.deepEqual(
    all.map((each) => Buffer.from(each.data).toString()),
    ['one', 'two', ''],
  )
  assert.equal(found?.sequence, all[2]?.sequence)
  assert.ok(Math.abs(Date.parse(found?.time ?? '') - Date.now()) < 60_000)
})

test('the last of 2,500 subjects are found, in the order of the stream, with none for those that have none', async () => {
  const all = drafts('many', 2500)
  assert.ok(all.length > 2 * MULTI_LAST_LIMIT)
  await create(all)
  const asked = [...all.map((each) => each.subject), record('many').outcome(9999)].reverse()
  const found = await readLastOf(nc, STREAM.runs, asked)
  assert.deepEqual(found.map((each) => each.subject).sort(), all.map((each) => each.subject).sort())
  assert.deepEqual(
    found.map((each) => each.sequence),
    found.map((each) => each.sequence).sort((a, b) => a - b),
  )
})

test('large messages are all found, however many bytes they come to', async () => {
  const all = drafts('large', 150).map((each) => ({ ...each, body: Buffer.alloc(250_000, 'x') }))
  await create(all)
  const found = await readLastOf(
    nc,
    STREAM.runs,
    all.map((each) => each.subject),
  )
  assert.equal(found.length, 150)
  assert.equal((await stored(nc, STREAM.runs, record('large').all)).length, 150)
})

test('a filter is read over many pages, in order, and only from the wanted sequence on', async () => {
  await create(drafts('pages', 2200))
  await create(drafts('between', 50))
  await create(drafts('pages', 2300).slice(2200))
  const pages: number[] = []
  const sequences: number[] = []
  for await (const page of readAll(nc, STREAM.runs, record('pages').all)) {
    pages.push(page.length)
    sequences.push(...page.map((each) => each.sequence))
  }
  assert.ok(pages.length >= 5)
  assert.equal(sequences.length, 2300)
  assert.deepEqual(
    sequences,
    [...sequences].sort((a, b) => a - b),
  )
  const from = sequences[1234] as number
  let rest = 0
  for await (const page of readAll(nc, STREAM.runs, record('pages').all, from)) rest += page.length
  assert.equal(rest, 2300 - 1234)
})

test('many reads at once each get their own answer', async () => {
  await create(drafts('parallel', 300))
  const found = await Promise.all(
    Array.from({ length: 300 }, (_, i) => readLast(nc, STREAM.runs, record('parallel').outcome(i + 1))),
  )
  for (const [i, each] of found.entries())
    assert.equal(
      Buffer.from(each?.data ?? []).toString(),
      Buffer.from(draft('parallel', i + 1).body).toString(),
    )
})

test('a read that the broker refuses says why', async () => {
  await assert.rejects(
    readLastOf(nc, STREAM.runs, [filter.runs]),
    (error: Error & { code: string }) => error.code === 'UNREACHABLE' && /413/.test(error.message),
  )
})

test('a read of a stream that is not there fails at once', async () => {
  await assert.rejects(readLast(nc, 'NOBODY' as never, 'x'), { code: 'UNREACHABLE' })
})
