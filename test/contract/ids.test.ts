import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { readAll } from '#shared/bus/direct.ts'
import { Publisher } from '#shared/bus/publisher.ts'
import { assertToken, childRunId, newRunId, SHARDS, shardOf } from '#shared/contract/ids.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { lastToken, subject } from '#shared/contract/subjects.ts'
import { withBroker } from '../support/with-broker.ts'

const TOKEN = /^[A-Za-z0-9_-]{1,128}$/

test('the broker maps a request to the shard that we compute', async () => {
  await using broker = await withBroker()
  const { nc } = await broker.connect('admin')
  const publisher = new Publisher(nc, { stream: STREAM.flows, atomic: false, batchSize: 500 })
  const odd = ['a', 'Z', '_', '-', '0', 'x'.repeat(128), 'run-1', 'RUN_2']
  const ids = [
    ...new Set([
      ...odd,
      ...fc.sample(fc.stringMatching(TOKEN), 400),
      ...Array.from({ length: 100 }, () => newRunId()),
    ]),
  ]
  await Promise.all(
    ids.map((id) =>
      publisher.create({ subject: subject.request(id), storedAs: subject.flow(id), body: new Uint8Array() }),
    ),
  )
  const stored = new Map<string, string>()
  for await (const page of readAll(nc, STREAM.flows, 'qubus.v1.flow.>')) {
    for (const each of page) stored.set(lastToken(each.subject), each.subject)
  }
  assert.equal(stored.size, ids.length)
  for (const id of ids) assert.equal(stored.get(id), subject.flow(id))
  assert.ok(new Set(ids.map(shardOf)).size === SHARDS, 'the sample reaches every shard')
})

test('a token is taken exactly when it is of letters, digits, "_" and "-"', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.stringMatching(TOKEN),
        fc.string({ minLength: 120, maxLength: 140, unit: fc.constantFrom('a', '-') }),
      ),
      (text) => {
        if (TOKEN.test(text)) assert.equal(assertToken('a name', text), text)
        else assert.throws(() => assertToken('a name', text), { code: 'INVALID_NAME' })
      },
    ),
  )
})

for (const [value, quoted] of [
  ['a.b', '"."'],
  ['a b', '" "'],
  ['a*', '"*"'],
  ['>', '">"'],
  ['ä', '"ä"'],
  ['run😀', '"😀"'],
  ['x\ny', '"\\n"'],
] as const) {
  test(`the name ${JSON.stringify(value)} is refused, quoting ${quoted}`, () => {
    assert.throws(
      () => assertToken('the run id', value),
      (error: Error) =>
        error.message.startsWith('the run id ') &&
        error.message.includes(`the character ${quoted} is not allowed`),
    )
  })
}

test('an empty name and one of 129 characters are refused, saying so', () => {
  assert.throws(() => assertToken('pool', ''), /empty/)
  assert.throws(() => assertToken('pool', 'x'.repeat(129)), /129 characters/)
})

test('run ids are tokens, differ, and sort by age', () => {
  const ids = Array.from({ length: 1000 }, (_, i) => newRunId(1_700_000_000_000 + i * 1000))
  assert.equal(new Set(ids).size, ids.length)
  assert.deepEqual([...ids].sort(), ids)
  for (const id of ids) assert.match(id, TOKEN)
})

test('the id of a child run is a token at any depth, the same each time, and its own for each step', () => {
  const sha = (text: string) => hash('sha256', text)
  let run = newRunId()
  for (let depth = 0; depth < 60; depth++) {
    const ids = [1, 2, 12, 100_000].map((step) => childRunId(run, step, sha))
    assert.equal(new Set(ids).size, 4)
    for (const id of ids) assert.match(id, TOKEN)
    assert.equal(childRunId(run, 12, sha), ids[2])
    run = ids[2] as string
  }
})
