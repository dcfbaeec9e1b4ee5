import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { CircuitError, parseCircuit } from '#shared/circuit/index.ts'

const H = 'OPENQASM 2.0;\ninclude "qelib1.inc";\n'

test('gates that double with each definition are stopped at the operation limit', () => {
  assert.throws(() => parseCircuit(doubling(60, 'x a;')), { code: 'CIRCUIT_TOO_LARGE', line: 64 })
})

test('gates that double but do nothing are stopped too', () => {
  assert.throws(() => parseCircuit(doubling(60, '')), { code: 'CIRCUIT_TOO_LARGE', line: 64 })
})

test('a chain of thousands of gate definitions is refused rather than overflowing the stack', () => {
  let source = `${H}gate g0 a { x a; }\n`
  for (let n = 1; n < 5000; n++) source += `gate g${n} a { g${n - 1} a; }\n`
  assert.throws(() => parseCircuit(`${source}qreg q[1];\ng4999 q[0];`), { code: 'CIRCUIT_TOO_LARGE' })
})

test('thousands of parentheses, signs or powers are refused rather than overflowing the stack', () => {
  const nested = [
    `${'('.repeat(20_000)}1`,
    `${'-'.repeat(20_000)}1`,
    `1${'^1'.repeat(20_000)}`,
    `1${'+1'.repeat(20_000)}`,
    `${'sin('.repeat(20_000)}1`,
  ]
  for (const expression of nested) {
    assert.throws(() => parseCircuit(`qreg q[1];\nU(${expression},0,0) q[0];`), {
      code: 'CIRCUIT_TOO_LARGE',
      line: 2,
    })
  }
})

test('a register of a billion qubits is refused at its size', () => {
  assert.throws(() => parseCircuit('qreg q[1000000000];'), { code: 'CIRCUIT_TOO_LARGE', line: 1, column: 8 })
  assert.throws(() => parseCircuit('qreg q[99999];\ncreg c[5];\nqreg r[2];'), {
    code: 'CIRCUIT_TOO_LARGE',
    line: 3,
  })
})

test('the operation limit counts broadcasts', () => {
  assert.throws(() => parseCircuit('qreg q[5];\nU(0,0,0) q;', { maxOperations: 4 }), {
    code: 'CIRCUIT_TOO_LARGE',
    line: 2,
  })
  assert.equal(parseCircuit('qreg q[5];\nU(0,0,0) q;', { maxOperations: 5 }).gateCount, 5)
})

const WORDS = [
  'OPENQASM',
  '2.0',
  '3',
  ';',
  'include',
  '"qelib1.inc"',
  'qreg',
  'creg',
  'gate',
  'opaque',
  'if',
  '(',
  ')',
  '[',
  ']',
  '{',
  '}',
  '==',
  '->',
  ',',
  '+',
  '-',
  '*',
  '/',
  '^',
  'pi',
  'sin',
  'q',
  'c',
  'h',
  'cx',
  'u3',
  'U',
  '0',
  '1',
  '7',
  '1e400',
  '.5',
  'measure',
  'reset',
  'barrier',
  '\n',
  '//',
  '/*',
  '*/',
  '"',
  'é',
  'constructor',
  '__proto__',
  'toString',
]

test('garbage of words, or of characters, throws nothing but CircuitError with a place inside the text', () => {
  const garbage = fc.oneof(
    fc.array(fc.constantFrom(...WORDS), { maxLength: 60 }).map((words) => words.join(' ')),
    fc.string({ unit: 'binary', maxLength: 80 }),
    fc
      .array(fc.constantFrom(...WORDS), { maxLength: 20 })
      .map((words) => `${H}qreg q[3];\ncreg c[3];\n${words.join(' ')}`),
  )
  let refused = 0
  fc.assert(
    fc.property(garbage, (source) => {
      try {
        parseCircuit(source)
      } catch (error) {
        assert.ok(error instanceof CircuitError, `${error}`)
        const lines = source.split('\n')
        assert.ok(error.line >= 1 && error.line <= lines.length, error.message)
        assert.ok(error.column >= 1 && error.column <= lines[error.line - 1]!.length + 1, error.message)
        refused++
      }
    }),
    { numRuns: 2000 },
  )
  assert.ok(refused > 500, 'most garbage should be refused')
})

function doubling(depth: number, core: string): string {
  let source = `${H}gate g0 a { ${core} }\n`
  for (let n = 1; n < depth; n++) source += `gate g${n} a { g${n - 1} a; g${n - 1} a; }\n`
  return `${source}qreg q[1];\ng${depth - 1} q[0];`
}
