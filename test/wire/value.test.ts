import assert from 'node:assert/strict'
import { test } from 'node:test'
import { execa } from 'execa'
import fc from 'fast-check'
import { Packr } from 'msgpackr'
import { TerminalError } from '#shared/contract/errors.ts'
import { decodeValue, encodeValue } from '#shared/wire/value.ts'

const through = (value: unknown): unknown => decodeValue(encodeValue(value, 'the value'))

for (const [what, value] of Object.entries<unknown>({
  undefined,
  null: null,
  NaN: Number.NaN,
  'a minus zero': -0,
  'minus zeros in an object that is there twice': (({ twice }) => [twice, twice, new Map([['k', [-0, 0]]])])({
    twice: { zero: -0 },
  }),
  infinity: Number.NEGATIVE_INFINITY,
  'a float': 0.1,
  'an integer of 53 bits': Number.MAX_SAFE_INTEGER,
  'a small bigint': 5n,
  'a negative bigint': -1n,
  'a bigint of 64 bits': 2n ** 63n - 1n,
  'a bigint of 65 bits': 2n ** 64n,
  'a bigint of 200 bits': -(2n ** 200n) + 17n,
  'an empty text': '',
  'a long text': 'ä😀'.repeat(50_000),
  'a date': new Date(1_700_000_000_123),
  'a date before 1970': new Date(-1),
  'a date far away': new Date(8.64e15),
  'no valid date': new Date(Number.NaN),
  'a map': new Map<unknown, unknown>([
    ['a', 1],
    [2, new Map([[{ b: 1 }, new Set([1])]])],
  ]),
  'a set': new Set([1, 'a', null, undefined]),
  'a regular expression': /a+b/giu,
  'an array with undefined': [1, undefined, null],
  'an object with undefined': { a: undefined, b: null },
  'an object without keys': {},
  'keys of all sorts': { '': 1, 'a b': 2, ä: 3, 7: 4, constructor: 5, length: 6 },
  nested: { a: [{ b: [new Date(0), { c: new Map([['d', [new Set([1n])]]]) }] }] },
})) {
  test(`the value codec keeps ${what}`, () => {
    assert.deepStrictEqual(through(value), value)
    assert.deepStrictEqual(through({ inside: [value] }), { inside: [value] })
  })
}

for (const Type of [
  Uint8Array,
  Int8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
]) {
  test(`the value codec keeps ${Type.name}`, () => {
    const make = Type as unknown as new (from: ArrayLike<unknown>) => ArrayLike<unknown>
    const numbers = Type.name.startsWith('Big') ? [1n, 2n, 127n] : [1, 2, 127]
    const value = new make(numbers)
    const got = (through({ at: 'odd', value }) as { value: ArrayLike<unknown> }).value
    assert.equal(got.constructor, Type)
    assert.deepEqual(Array.from(got), numbers)
  })
}

test('a part of a larger array travels as that part', () => {
  const whole = new Float64Array([1, 2, 3, 4])
  assert.deepEqual(through(whole.subarray(1, 3)), new Float64Array([2, 3]))
})

test('what is decoded does not change when the bytes it came from do', () => {
  const bytes = encodeValue({ data: new Uint8Array(1000).fill(7) }, 'v')
  const copy = new Uint8Array(bytes)
  const got = decodeValue(copy) as { data: Uint8Array }
  copy.fill(0)
  assert.deepEqual([...new Set(got.data)], [7])
})

test('an error keeps its class, name, message and cause', () => {
  const got = through(new TypeError('no', { cause: new RangeError('far') })) as Error
  assert.ok(got instanceof TypeError)
  assert.equal(got.name, 'TypeError')
  assert.equal(got.message, 'no')
  assert.ok(got.cause instanceof RangeError)
})

class Broken extends Error {
  code = 'E_BROKEN'
  at = new Date(5)
  look = (): number => 1
}

test("an error keeps what its author put on it, and what can't travel is marked", () => {
  const got = through({
    list: [new Broken('no', { cause: new AggregateError([new Broken('one'), 'two'], 'all') })],
  }) as { list: [Broken] }
  const [error] = got.list
  assert.ok(error instanceof Error)
  assert.deepEqual(
    [error.name, error.message, error.code, error.at],
    ['Broken', 'no', 'E_BROKEN', new Date(5)],
  )
  assert.equal(error.look, '[left out: a function]')
  const cause = error.cause as AggregateError
  assert.ok(cause instanceof AggregateError)
  assert.deepEqual(
    cause.errors.map(({ name, message }: Error) => [name, message]),
    [
      ['Broken', 'one'],
      ['Error', 'something other than an error was thrown: "two"'],
    ],
  )
  assert.equal(error.stack, 'Broken: no')
})

test('an error of ours is one of ours', () => {
  const got = through(new TerminalError('never', { facts: { a: 1 } })) as TerminalError
  assert.ok(got instanceof TerminalError)
  assert.deepEqual([got.code, got.facts['a']], ['TERMINAL', 1])
})

test('an error that is its own cause travels', () => {
  const error = new Error('round')
  error.cause = error
  assert.equal((through(error) as Error).message, 'round')
})

test('an error as it was written before errors had properties is read', () => {
  const old = new Packr({ structuredClone: true, moreTypes: true }).pack(
    new RangeError('far', { cause: { a: 1 } }),
  )
  const got = decodeValue(old) as Error
  assert.ok(got instanceof RangeError)
  assert.deepEqual([got.message, got.cause], ['far', { a: 1 }])
})

test('what is one object before is one object after', () => {
  const shared = { n: 1 }
  const got = through({ a: shared, b: [shared], c: new Map([['k', shared]]) }) as {
    a: object
    b: object[]
    c: Map<string, object>
  }
  assert.equal(got.a, got.b[0])
  assert.equal(got.a, got.c.get('k'))
})

test('a value may refer to itself', () => {
  const value: { self?: unknown; list: unknown[] } = { list: [] }
  value.self = value
  value.list.push(value.list)
  const got = through(value) as typeof value
  assert.equal(got.self, got)
  assert.equal(got.list[0], got.list)
})

const number = fc.oneof(fc.integer(), fc.double(), fc.constant(-0))
const values = [
  fc.boolean(),
  number,
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.constant(null),
  fc.constant(undefined),
]
const plain = fc.anything({
  values,
  withDate: true,
  withMap: true,
  withSet: true,
  withBigInt: true,
  withTypedArray: true,
  maxDepth: 4,
  key: fc.string().filter((key) => key !== '__proto__'),
})

test('a key that a reader would take for something else is refused with its path', () => {
  const value = { list: [JSON.parse('{"__proto__": 1}')] }
  assert.throws(() => encodeValue(value, 'v'), {
    code: 'UNENCODABLE',
    message: /v holds the key "__proto__" at \.list\[0\]/,
  })
})

test('any plain value comes back as it was', () => {
  fc.assert(
    fc.property(plain, (value) => assert.deepStrictEqual(through(value), value)),
    { numRuns: 1000 },
  )
})

// A step's digest is one of these bytes: another one ends the run as not deterministic.
test('equal values have the same bytes whatever was encoded or decoded before', () => {
  fc.assert(
    fc.property(plain, fc.array(plain, { maxLength: 5 }), (value, others) => {
      const first = Buffer.from(encodeValue(value, 'v'))
      for (const other of others) decodeValue(encodeValue(other, 'v'))
      assert.equal(Buffer.from(encodeValue(decodeValue(first), 'v')).toString('hex'), first.toString('hex'))
    }),
    { numRuns: 500 },
  )
})

test('two objects of the same shape have the bytes that each has alone', () => {
  const bytes = (value: unknown) => Buffer.from(encodeValue(value, 'v')).toString('hex')
  const alone = bytes([{ x: 1, y: 2 }])
  for (let i = 0; i < 300; i++) bytes({ [`key${i}`]: i, other: { [`deep${i}`]: [{ x: 1 }] } })
  assert.equal(bytes([{ x: 1, y: 2 }]), alone)
})

test('another process, which encoded nothing else before, gives the same bytes', async () => {
  const value = [{ x: 1, y: 2 }, { deep: new Map([['k', { z: 3n, at: new Date(4) }]]) }]
  encodeValue({ another: { shape: 1 } }, 'v')
  const here = Buffer.from(encodeValue(value, 'v')).toString('hex')
  const module = JSON.stringify(import.meta.resolve('#shared/wire/value.ts'))
  const code = `import { encodeValue } from ${module}
    const value = [{ x: 1, y: 2 }, { deep: new Map([['k', { z: 3n, at: new Date(4) }]]) }]
    console.log(Buffer.from(encodeValue(value, 'v')).toString('hex'))`
  const { stdout } = await execa(process.execPath, ['--input-type=module', '-e', code])
  assert.equal(stdout, here)
})

class Point {
  x = 1
}

for (const [what, value, place] of [
  ['a function', { a: [1, { run: () => 1 }] }, '.a[1].run'],
  ['a symbol', [Symbol('s')], '[0]'],
  ['an instance of Point', { p: { q: new Point() } }, '.p.q'],
  ['an instance of Promise', { later: Promise.resolve() }, '.later'],
  ['an instance of WeakMap', new Map([['k', new WeakMap()]]), '[k]'],
  ['an instance of Places', { m: new (class Places extends Map {})() }, '.m'],
  ['an instance of Floats', [new (class Floats extends Float64Array {})(1)], '[0]'],
  ['an instance of Float16Array', [new Float16Array(1)], '[0]'],
  ['a function', new Map([[() => 1, 1]]), '(a key)'],
  ['a symbol', new Set([Symbol('s')]), '(an element)'],
] as const) {
  test(`${what} at ${place} is refused, naming the place`, () => {
    assert.throws(
      () => encodeValue(value, 'result of task "square"'),
      (error: Error & { code: string }) =>
        error.code === 'UNENCODABLE' &&
        error.message.startsWith('result of task "square"') &&
        error.message.includes(what) &&
        error.message.includes(`at ${place}`.replace('at (', ' (').replace('  ', ' ')),
    )
  })
}

test('a function alone is refused without a place', () => {
  assert.throws(() => encodeValue(() => 1, 'the parameters'), /the parameters holds a function, which/)
})

test('a value nested too deeply to travel is refused, not a crash', () => {
  let deep: unknown = 1
  for (let i = 0; i < 100_000; i++) deep = [deep]
  assert.throws(() => encodeValue(deep, 'the value'), { code: 'UNENCODABLE' })
})
