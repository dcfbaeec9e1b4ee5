import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client } from 'pg'
import { Rows, rowsOf, toJsonb } from '../../services/results/columns.ts'
import { withPostgres } from '../support/with-postgres.ts'

const SHAPE = { a: 'text', b: 'int4', c: 'int8', d: 'float8', e: 'bool', f: 'bytea' } as const

test('Postgres reads rows as they were pushed, empty and absent values among them', async () => {
  await using database = await withPostgres()
  const client = new Client(database.url)
  await client.connect()
  const pushed = [
    { a: 'plain', b: -1, c: 2 ** 52, d: 0.1, e: true, f: Buffer.from([0, 255, 1]) },
    { a: '', b: 0, c: 0, d: -0.5, e: false, f: Buffer.alloc(0) },
    { a: null, b: null, c: null, d: null, e: null, f: null },
    {
      a: 'quote " back \\ brace { é 😀'.repeat(5000),
      b: 2 ** 31 - 1,
      c: -1,
      d: 1e308,
      e: true,
      f: Buffer.alloc(100_000, 7),
    },
  ]
  const rows = new Rows(SHAPE)
  for (const row of pushed) rows.push(row)
  const read = await client.query(
    `select a, b, c::float8 as c, d, e, f from ${rowsOf(SHAPE)}`,
    rows.parameters(),
  )
  assert.deepEqual(read.rows, pushed)
  const none = await client.query(`select * from ${rowsOf(SHAPE)}`, new Rows(SHAPE).parameters())
  assert.equal(none.rowCount, 0)
  await client.end()
})

test('a row with a value that does not fit leaves nothing behind', async () => {
  await using database = await withPostgres()
  const client = new Client(database.url)
  await client.connect()
  const rows = new Rows(SHAPE)
  const good = { a: 'x', b: 1, c: 1, d: 1, e: true, f: Buffer.from('y') }
  rows.push(good)
  assert.throws(() => rows.push({ ...good, a: 'too much', c: 0.5 }), RangeError)
  assert.throws(() => rows.push({ ...good, a: 'too much', b: 2 ** 31 }), RangeError)
  rows.push({ ...good, a: 'z' })
  assert.equal(rows.count, 2)
  const read = await client.query(`select a, f::text as f from ${rowsOf(SHAPE)}`, rows.parameters())
  assert.deepEqual(read.rows, [
    { a: 'x', f: '\\x79' },
    { a: 'z', f: '\\x79' },
  ])
  await client.end()
})

test('JSON for Postgres has a mark where a character is that it refuses, and only there', () => {
  const json = toJsonb({
    text: 'a\0b',
    lone: 'x\ud800y',
    pair: '\u{1f600}',
    escape: '\\u0000',
    twice: '\\\\u0000',
    big: 2n ** 63n,
  })
  assert.deepEqual(JSON.parse(json ?? ''), {
    text: 'a\ufffdb',
    lone: 'x\ufffdy',
    pair: '\u{1f600}',
    escape: '\\u0000',
    twice: '\\\\u0000',
    big: '9223372036854775808',
  })
})
