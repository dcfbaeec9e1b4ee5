import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CircuitError, parseCircuit } from '#shared/circuit/index.ts'
import { BAD_GRAMMAR } from './bad-grammar.ts'
import { BAD_MEANING } from './bad-meaning.ts'

for (const [title, source, code, place, message] of [...BAD_MEANING, ...BAD_GRAMMAR]) {
  test(`${title} is refused at ${place}`, () => {
    const error = errorOf(source)
    assert.equal(`${error.line}:${error.column}`, place, error.message)
    assert.equal(error.code, code, error.message)
    assert.match(error.reason, message)
  })
}

test('the file is named in the error', () => {
  const error = errorOf('hh q;', 'my.qasm')
  assert.equal(error.file, 'my.qasm')
  assert.match(error.message, /^my\.qasm:1:1: unknown gate/)
})

test('a source that was sent as another language is refused', () => {
  assert.throws(() => parseCircuit('OPENQASM 2.0;', { language: 'openqasm3' }), {
    code: 'CIRCUIT_UNSUPPORTED',
    line: 1,
    column: 1,
  })
})

function errorOf(source: string, file?: string): CircuitError {
  try {
    parseCircuit(source, { file })
  } catch (error) {
    assert.ok(error instanceof CircuitError, String(error))
    return error
  }
  assert.fail('the source was accepted')
}
