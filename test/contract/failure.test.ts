import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  CancelledError,
  ERRORS,
  type ErrorCode,
  NonDeterministicFlowError,
  QubusError,
  StepError,
  TerminalError,
} from '#shared/contract/errors.ts'
import { Failure, fromFailure, toFailure } from '#shared/contract/failure.ts'
import { decode, encode } from '#shared/wire/message.ts'

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
        assert.deepEqual(failure.facts ?? {}, JSON.parse(JSON.stringify(facts)))
        const back = fromFailure(failure)
        assert.equal(back.code, outer)
        assert.equal(back.message, message)
      },
    ),
  )
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
  assert.match(String(back.facts['remoteStack']), /failure\.test/)
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

function circularObject(): object {
  const value: { self?: object } = {}
  value.self = value
  return value
}
