import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  CancelledError,
  codeOf,
  ERRORS,
  type ErrorCode,
  NonDeterministicFlowError,
  QubusError,
  StepError,
  TerminalError,
} from '#shared/contract/errors.ts'
import { Failure, fromFailure, toFailure } from '#shared/contract/failure.ts'
import { decode, encode } from '#shared/wire/message.ts'
import { toJsonb } from '../../services/results/columns.ts'

const code = fc.constantFrom(...(Object.keys(ERRORS) as ErrorCode[]))

test('code, name, message, cause chain and facts survive the way through a message', () => {
  fc.assert(
    fc.property(
      code,
      code,
      fc.string(),
      fc.string(),
      fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.jsonValue()),
      (outer, inner, message, below, facts) => {
        const cause = new QubusError(inner, below)
        const failure = decode(
          Failure,
          encode(toFailure(new QubusError(outer, message, { cause, facts }), 'INTERNAL')),
        )
        assert.equal(failure.code, outer)
        assert.equal(failure.name, 'QubusError')
        assert.equal(failure.message, message)
        assert.equal(failure.cause?.code, inner)
        assert.equal(failure.cause?.message, below)
        assert.deepEqual(failure.facts ?? {}, JSON.parse(JSON.stringify(facts), withoutProto))
        const back = fromFailure(failure)
        assert.equal(back.code, outer)
        assert.equal(back.message, message)
      },
    ),
  )
})

// What no message holds: a reader would take it for something else than a key.
function withoutProto(key: string, value: unknown): unknown {
  return key === '__proto__' ? undefined : value
}

test('the key "__proto__" of facts and properties is left out, at any depth', () => {
  const odd = JSON.parse('{"__proto__": {"a": 1}, "in": [{"__proto__": 2, "b": 3}]}') as Record<
    string,
    unknown
  >
  const thrown = Object.assign(new QubusError('TIMEOUT', 'slow', { facts: odd }), { odd })
  const failure = decode(Failure, encode(toFailure(thrown, 'INTERNAL')))
  assert.deepEqual(failure.facts, { in: [{ b: 3 }] })
  assert.deepEqual((fromFailure(failure) as unknown as { odd: unknown }).odd, { in: [{ b: 3 }] })
})

test('an error comes back with its cause, its facts, its name and the stack of where it was thrown', () => {
  const thrown = new QubusError('ENGINE_FAILED', 'the engine ended', {
    cause: new RangeError('too many qubits'),
    facts: { qubits: 40 },
  })
  const back = fromFailure(toFailure(thrown, 'TASK_FAILED'))
  assert.ok(back instanceof StepError)
  assert.equal((back.cause as QubusError).message, 'too many qubits')
  assert.equal((back.cause as QubusError).facts['errorName'], 'RangeError')
  assert.equal(back.facts['qubits'], 40)
  assert.equal(back.facts['errorName'], 'QubusError')
  assert.equal(back.stack, thrown.stack)
})

test('what a flow may want to tell apart comes back as its own class', () => {
  const cause = new Error('why')
  const terminal = fromFailure(toFailure(new TerminalError('no', { cause }), 'TASK_FAILED'))
  assert.ok(terminal instanceof TerminalError)
  assert.equal((terminal.cause as Error).message, 'why')
  assert.ok(fromFailure(toFailure(new CancelledError(), 'TASK_FAILED')) instanceof CancelledError)
  assert.ok(
    fromFailure(toFailure(new NonDeterministicFlowError('x'), 'TASK_FAILED')) instanceof
      NonDeterministicFlowError,
  )
})

test("a user's error keeps its name, and its own code is not taken for one of ours", () => {
  class DatabaseError extends Error {
    override name = 'DatabaseError'
    code = 'ECONNREFUSED'
  }
  const failure = toFailure(new DatabaseError('gone'), 'TASK_FAILED')
  assert.equal(failure.code, 'TASK_FAILED')
  assert.equal(failure.name, 'DatabaseError')
  assert.equal(toFailure(Object.assign(new Error('x'), { code: 42 }), 'TASK_FAILED').code, 'TASK_FAILED')
  assert.equal(fromFailure({ code: 'OF_A_NEWER_VERSION', name: 'Error', message: 'm' }).code, 'TASK_FAILED')
})

for (const inherited of ['constructor', 'toString', '__proto__', 'hasOwnProperty']) {
  test(`an error whose code is ${inherited} has no code of ours`, () => {
    assert.equal(
      toFailure(Object.assign(new Error('x'), { code: inherited }), 'TASK_FAILED').code,
      'TASK_FAILED',
    )
    assert.equal(fromFailure({ code: inherited, name: 'Error', message: 'm' }).code, 'TASK_FAILED')
  })
}

test('an error of another copy of our classes is known by its code', () => {
  const foreign = Object.assign(new Error('no'), { name: 'TerminalError', code: 'TERMINAL', facts: { a: 1 } })
  const failure = toFailure(foreign, 'TASK_FAILED')
  assert.equal(failure.code, 'TERMINAL')
  assert.deepEqual(failure.facts, { a: 1 })
})

test('an error that is its own cause ends after nine levels', () => {
  const circular = new Error('round')
  circular.cause = circular
  let levels = 0
  for (let at: Failure | undefined = toFailure(circular, 'TASK_FAILED'); at; at = at.cause) levels++
  assert.equal(levels, 9)
})

test('facts that cannot travel are left out, not the error', () => {
  const facts: Record<string, unknown> = { fine: 1 }
  facts['self'] = facts
  const failure = toFailure(new QubusError('TIMEOUT', 'slow', { facts }), 'INTERNAL')
  assert.equal(failure.message, 'slow')
  assert.doesNotThrow(() => decode(Failure, encode(failure)))
})

for (const [what, thrown] of Object.entries({
  'a string': 'boom',
  undefined,
  null: null,
  'a number': 7,
  'a symbol': Symbol('s'),
  'a bigint': 5n,
  'a function': () => 1,
  'a circular object': circularObject(),
})) {
  test(`${what} that is thrown becomes a failure`, () => {
    const failure = toFailure(thrown, 'TASK_FAILED')
    assert.equal(failure.code, 'TASK_FAILED')
    assert.match(failure.message, /other than an error/)
  })
}

test('an object without a prototype that is thrown becomes a failure', () => {
  assert.equal(toFailure(Object.assign(Object.create(null), { a: 1n }), 'TASK_FAILED').code, 'TASK_FAILED')
})

test('a failure stays small whatever is thrown', () => {
  const long = 'x'.repeat(2_000_000)
  for (const thrown of [
    new Error(long),
    long,
    { text: long },
    new QubusError('TIMEOUT', 'm', { facts: { long } }),
  ]) {
    assert.ok(encode(toFailure(thrown, 'TASK_FAILED')).length < 300_000)
  }
})

class NoSuchRow extends Error {
  code = 'E_ROW'
  details: unknown
  constructor(message: string, details: unknown, options?: ErrorOptions) {
    super(message, options)
    this.details = details
  }
}

type Own = Error & { code?: unknown; details?: unknown; errors?: Own[] }

/** By way of the broker, and by way of Postgres, whose copy is JSON. */
const ways: [string, (thrown: unknown) => Own][] = [
  ['a message', (thrown) => fromFailure(decode(Failure, encode(toFailure(thrown, 'TASK_FAILED'))))],
  [
    'a table',
    (thrown) => fromFailure(JSON.parse(toJsonb(toFailure(thrown, 'TASK_FAILED')) ?? '') as Failure),
  ],
]
for (const [way, through] of ways) {
  test(`by way of ${way}, an error of an author's class has its name, code, properties and stack`, () => {
    const details = {
      row: 7,
      when: new Date(5),
      seen: new Map<unknown, unknown>([['a', new Set([1n])]]),
      bytes: new Uint8Array([1, 2]),
      floats: new Float32Array([1.5]),
      raw: new ArrayBuffer(2),
      odd: [undefined, null, Number.NaN, -0, Number.NEGATIVE_INFINITY],
      pattern: /a+/gi,
      dollar: { $: 'date', of: 1 },
      deep: [{ text: 'x' }],
    }
    const thrown = new NoSuchRow('no row 7', details)
    const back = through(thrown)
    assert.equal(back instanceof StepError, true)
    assert.deepEqual([back.name, back.message, back.code], ['NoSuchRow', 'no row 7', 'E_ROW'])
    assert.equal(codeOf(back), 'TASK_FAILED')
    assert.deepEqual(back.details, details)
    assert.equal(back.stack, thrown.stack)
  })

  test(`by way of ${way}, thrown again by a flow it is the same once more`, () => {
    const once = through(new NoSuchRow('no row', { row: 7 }, { cause: new TypeError('below') }))
    const twice = through(once)
    assert.deepEqual({ ...twice }, { ...once })
    assert.deepEqual(
      [twice.name, twice.message, twice.code, codeOf(twice), twice.stack],
      [once.name, once.message, once.code, codeOf(once), once.stack],
    )
    assert.equal((twice.cause as Error).name, 'TypeError')
  })

  test(`by way of ${way}, causes, also those that are no errors, and errors within errors come along`, () => {
    const below = new NoSuchRow('below', { why: 'gone' }, { cause: { status: 503, at: new Date(1) } })
    const back = through(
      Object.assign(new AggregateError([new RangeError('one'), 'two', below], 'all failed'), { last: below }),
    )
    assert.deepEqual([back.name, back.message], ['AggregateError', 'all failed'])
    const [one, two, three] = back.errors as [Own, Own, Own]
    assert.deepEqual([one.name, one.message], ['RangeError', 'one'])
    assert.match(two.message, /other than an error was thrown: "two"/)
    assert.deepEqual([three.name, three.code, three.details], ['NoSuchRow', 'E_ROW', { why: 'gone' }])
    assert.deepEqual(three.cause, { status: 503, at: new Date(1) })
    assert.deepEqual((back as unknown as { last: Own }).last.details, { why: 'gone' })
  })
}

test('what of a property can not travel is replaced by a mark in its place', () => {
  class Socket {}
  const details: Record<string, unknown> = {
    fine: 1,
    socket: new Socket(),
    call: () => 1,
    list: [Symbol('s'), 2],
    get broken() {
      throw new Error('no')
    },
  }
  details['self'] = details
  const back = ways[0]?.[1](new NoSuchRow('m', details))
  assert.deepEqual(back?.details, {
    fine: 1,
    socket: '[left out: an instance of Socket]',
    call: '[left out: a function]',
    list: ['[left out: a symbol]', 2],
    broken: '[left out: reading it failed: no]',
    self: '[left out: it holds itself]',
  })
})

test('an error with methods of its own can still be written as text', () => {
  const thrown = Object.assign(new NoSuchRow('m', 1), { toString: () => 'mine', toJSON: () => 1 })
  assert.equal(`${ways[0]?.[1](thrown)}`, 'NoSuchRow: m')
})

test('properties that are too large are marked, and those before them are kept', () => {
  const back = ways[0]?.[1](
    Object.assign(new NoSuchRow('m', 'short'), {
      long: 'x'.repeat(50_000),
      many: Array.from({ length: 20_000 }, (_, i) => i),
      deep: JSON.parse(`${'['.repeat(50)}${']'.repeat(50)}`) as unknown,
    }),
  ) as unknown as Record<string, never>
  assert.equal(back['details'], 'short')
  assert.equal(back['long'], '[left out: a text of 50000 characters]')
  const many = back['many'] as unknown[]
  assert.ok(many.length > 1000 && many.length < 20_000)
  assert.equal(many.at(-1), '[left out: more than an error may carry]')
})

test('an error with a thousand errors, each with causes and properties, stays small', () => {
  const one = (depth: number): Error =>
    Object.assign(new Error('m'.repeat(1000), depth > 0 ? { cause: one(depth - 1) } : {}), {
      list: Array.from({ length: 1000 }, (_, i) => `${i}`),
    })
  const failure = toFailure(
    new AggregateError(
      Array.from({ length: 1000 }, () => one(5)),
      'all',
    ),
    'TASK_FAILED',
  )
  assert.ok(encode(failure).length < 300_000)
  assert.equal(failure.errors?.length, 17)
  assert.match(failure.errors?.at(-1)?.message ?? '', /left out: 984 more errors/)
})

for (const [what, thrown, name] of [
  ['a class that sets its name', Object.assign(new Error('m'), { name: 'Named' }), 'Named'],
  ['a class of ours that was extended', new (class Hopeless extends TerminalError {})('m'), 'Hopeless'],
  ['a class of the language', new RangeError('m'), 'RangeError'],
  ['an abort', new DOMException('m', 'AbortError'), 'AbortError'],
  ['a class without a name', new (class extends Error {})('m'), 'Error'],
] as const) {
  test(`${what} is known by its name`, () => {
    const back = ways[0]?.[1](thrown)
    assert.equal(back?.name, name)
    assert.equal(back instanceof TerminalError, thrown instanceof TerminalError)
  })
}

function circularObject(): object {
  const value: { self?: object } = {}
  value.self = value
  return value
}
