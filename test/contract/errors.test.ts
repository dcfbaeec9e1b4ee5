import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  CancelledError,
  ERRORS,
  type ErrorCode,
  isRetryable,
  NonDeterministicFlowError,
  QubusError,
  StepError,
  TerminalError,
} from '#shared/contract/errors.ts'

const KINDS = ['usage', 'terminal', 'retryable', 'system']

test('every code has a kind and a meaning in one sentence', () => {
  const entries = Object.entries(ERRORS)
  assert.ok(entries.length > 30)
  for (const [code, { kind, means }] of entries) {
    assert.match(code, /^[A-Z][A-Z_]+$/)
    assert.ok(KINDS.includes(kind), `${code}: ${kind}`)
    assert.match(means, /^[A-Z].{10,}\.$/, code)
  }
  assert.equal(new Set(entries.map(([, { means }]) => means)).size, entries.length, 'two codes mean the same')
})

test('retryable and system errors are tried again; usage and terminal ones are not', () => {
  for (const [code, { kind }] of Object.entries(ERRORS)) {
    assert.equal(isRetryable(code), kind === 'retryable' || kind === 'system', code)
  }
})

test('a code that is not ours came from user code and is tried again', () => {
  for (const code of ['ENOENT', 'ERR_HTTP2', '', 'constructor', 'toString'])
    assert.equal(isRetryable(code), true, code)
})

test('each error class is a QubusError with a name of its own and a known code', () => {
  const cause = new Error('below')
  const facts = { line: 3 }
  const errors = [
    new QubusError('TIMEOUT', 'm', { cause, facts }),
    new TerminalError('m', { cause, facts }),
    new CancelledError(),
    new NonDeterministicFlowError('m', facts),
    new StepError('LOST', 'm', { cause, facts }),
  ]
  assert.equal(new Set(errors.map((each) => each.name)).size, errors.length)
  for (const each of errors) {
    assert.ok(each instanceof QubusError)
    assert.ok((each.code satisfies ErrorCode) in ERRORS)
    assert.match(each.stack ?? '', /errors\.test/)
  }
  assert.equal(errors[0]?.cause, cause)
  assert.equal(errors[1]?.facts, facts)
  assert.equal('cause' in new QubusError('LOST', 'm'), false)
})

test('an error of another copy of the module, as a bundle has one, is an instance of what it says it is', async () => {
  const copy = (await import(`${import.meta.resolve('#shared/contract/errors.ts')}?copy`)) as {
    CancelledError: typeof CancelledError
  }
  const foreign = new copy.CancelledError()
  assert.notEqual(copy.CancelledError, CancelledError)
  assert.ok(foreign instanceof CancelledError)
  assert.ok(foreign instanceof QubusError)
  assert.ok(!(foreign instanceof TerminalError))
  class Mine extends QubusError {}
  assert.ok(!(foreign instanceof Mine))
  assert.ok(new Mine('LOST', 'm') instanceof Mine)
  for (const value of [undefined, null, 'x', {}, new Error('x')])
    assert.ok(!((value as unknown) instanceof QubusError))
})
