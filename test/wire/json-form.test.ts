import assert from 'node:assert/strict'
import { test } from 'node:test'
import { jsonForm, toJson } from '#shared/wire/json-form.ts'

test('what JSON cannot say has a form of its own', () => {
  const value = {
    big: 2n ** 70n,
    date: new Date(0),
    bytes: new Uint8Array([1, 2, 3]),
    floats: new Float64Array([0.5, Number.NaN]),
    bigs: new BigInt64Array([5n]),
    named: new Map([['a', 1n]]),
    pairs: new Map([[1, 'x']]),
    set: new Set([1, undefined]),
    left: undefined,
    inside: [undefined, Number.POSITIVE_INFINITY],
  }
  assert.deepEqual(jsonForm(value), {
    big: '1180591620717411303424',
    date: '1970-01-01T00:00:00.000Z',
    bytes: 'AQID',
    floats: [0.5, 'NaN'],
    bigs: ['5'],
    named: { a: '1' },
    pairs: [[1, 'x']],
    set: [1, null],
    inside: [null, 'Infinity'],
  })
})

test('a value that holds itself is cut there, one that stands twice is not', () => {
  const twice = { n: 1 }
  const value: Record<string, unknown> = { a: twice, b: twice }
  value['self'] = value
  assert.deepEqual(jsonForm(value), { a: { n: 1 }, b: { n: 1 }, self: '[circular]' })
})

test('a result is one line, whatever it is', () => {
  assert.equal(toJson('a\nb'), '"a\\nb"')
  assert.equal(toJson(undefined), 'null')
  assert.equal(
    toJson(Object.assign(new Error('no'), { code: 'X' })),
    '{"name":"Error","message":"no","code":"X"}',
  )
})
