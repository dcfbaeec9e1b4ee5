/** Each gate of the library against its definition in the two built-in gates, up to a global phase. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseCircuit } from '#shared/circuit/index.ts'
import { unitaryOf } from './plain-simulator.ts'

const H = (q: string) => `U(pi/2,0,pi) ${q};`
const CZ = (a: string, b: string) => `${H(b)} CX ${a},${b}; ${H(b)}`
const CPHASE = (angle: string, ...qubits: string[]) => parityPhases(angle, qubits)
const UNDER_H = (inner: string, q: string) => `${H(q)} ${inner} ${H(q)}`
const CRZ = (angle: string, a: string, b: string) =>
  `U(0,0,(${angle})/2) ${b}; CX ${a},${b}; U(0,0,-(${angle})/2) ${b}; CX ${a},${b};`
const CCX = (a: string, b: string, c: string) => UNDER_H(CPHASE('pi', a, b, c), c)
const CU3 = (t: string, p: string, l: string) =>
  `U(0,0,(${l}+${p})/2) a; U(0,0,(${l}-${p})/2) b; CX a,b; U(-(${t})/2,0,-(${p}+${l})/2) b; CX a,b; U((${t})/2,${p},0) b;`

/** Gate, its parameters, its qubits, its definition. */
const DEFINITIONS: Record<string, [string, string, string]> = {
  U: ['0.3,0.7,-1.1', 'a', 'U(0.3,0.7,-1.1) a;'],
  u3: ['0.3,0.7,-1.1', 'a', 'U(0.3,0.7,-1.1) a;'],
  u: ['0.3,0.7,-1.1', 'a', 'U(0.3,0.7,-1.1) a;'],
  u2: ['0.7,-1.1', 'a', 'U(pi/2,0.7,-1.1) a;'],
  u1: ['0.7', 'a', 'U(0,0,0.7) a;'],
  p: ['0.7', 'a', 'U(0,0,0.7) a;'],
  u0: ['1', 'a', 'U(0,0,0) a;'],
  id: ['', 'a', 'U(0,0,0) a;'],
  x: ['', 'a', 'U(pi,0,pi) a;'],
  y: ['', 'a', 'U(pi,pi/2,pi/2) a;'],
  z: ['', 'a', 'U(0,0,pi) a;'],
  h: ['', 'a', H('a')],
  s: ['', 'a', 'U(0,0,pi/2) a;'],
  sdg: ['', 'a', 'U(0,0,-pi/2) a;'],
  t: ['', 'a', 'U(0,0,pi/4) a;'],
  tdg: ['', 'a', 'U(0,0,-pi/4) a;'],
  sx: ['', 'a', 'U(pi/2,-pi/2,pi/2) a;'],
  sxdg: ['', 'a', 'U(-pi/2,-pi/2,pi/2) a;'],
  rx: ['0.7', 'a', 'U(0.7,-pi/2,pi/2) a;'],
  ry: ['0.7', 'a', 'U(0.7,0,0) a;'],
  rz: ['0.7', 'a', 'U(0,0,0.7) a;'],
  CX: ['', 'a,b', 'CX a,b;'],
  cx: ['', 'a,b', 'CX a,b;'],
  cy: ['', 'a,b', 'U(0,0,-pi/2) b; CX a,b; U(0,0,pi/2) b;'],
  cz: ['', 'a,b', CZ('a', 'b')],
  ch: ['', 'a,b', `U(-pi/4,0,0) b; ${CZ('a', 'b')} U(pi/4,0,0) b;`],
  csx: ['', 'a,b', UNDER_H(CPHASE('pi/2', 'a', 'b'), 'b')],
  swap: ['', 'a,b', 'CX a,b; CX b,a; CX a,b;'],
  cp: ['0.7', 'a,b', CPHASE('0.7', 'a', 'b')],
  cu1: ['0.7', 'a,b', CPHASE('0.7', 'a', 'b')],
  crz: ['0.7', 'a,b', CRZ('0.7', 'a', 'b')],
  crx: ['0.7', 'a,b', UNDER_H(CRZ('0.7', 'a', 'b'), 'b')],
  cry: ['0.7', 'a,b', 'U(0.7/2,0,0) b; CX a,b; U(-0.7/2,0,0) b; CX a,b;'],
  cu3: ['0.3,0.7,-1.1', 'a,b', CU3('0.3', '0.7', '(-1.1)')],
  cu: ['0.3,0.7,-1.1,0.4', 'a,b', `U(0,0,0.4) a; ${CU3('0.3', '0.7', '(-1.1)')}`],
  rzz: ['0.7', 'a,b', 'CX a,b; U(0,0,0.7) b; CX a,b;'],
  rxx: ['0.7', 'a,b', `${H('a')} ${H('b')} CX a,b; U(0,0,0.7) b; CX a,b; ${H('a')} ${H('b')}`],
  ccx: ['', 'a,b,c', CCX('a', 'b', 'c')],
  cswap: ['', 'a,b,c', `CX c,b; ${CCX('a', 'b', 'c')} CX c,b;`],
  c3x: ['', 'a,b,c,d', UNDER_H(CPHASE('pi', 'a', 'b', 'c', 'd'), 'd')],
  c3sqrtx: ['', 'a,b,c,d', UNDER_H(CPHASE('pi/2', 'a', 'b', 'c', 'd'), 'd')],
  c4x: ['', 'a,b,c,d,e', UNDER_H(CPHASE('pi', 'a', 'b', 'c', 'd', 'e'), 'e')],
}

for (const [gate, [params, qubits, definition]] of Object.entries(DEFINITIONS)) {
  test(`${gate} is unitary and equals its definition`, () => {
    const actual = unitary(qubits, `${gate}${params === '' ? '' : `(${params})`} ${qubits};`)
    assertUnitary(actual)
    assertSameUpToPhase(actual, unitary(qubits, definition))
  })
}

test('rccx is a Toffoli with its known relative phases', () => {
  const actual = unitary('a,b,c', 'rccx a,b,c;')
  const expected = Array.from({ length: 8 }, (_, row) =>
    Array.from({ length: 8 }, (_, column) => [row === column && ![3, 5, 7].includes(row) ? 1 : 0, 0]),
  )
  expected[5]![5] = [-1, 0]
  expected[7]![3] = [0, 1]
  expected[3]![7] = [0, -1]
  assertSameUpToPhase(actual, expected)
})

test('rc3x moves amplitudes as a threefold controlled X does', () => {
  const actual = unitary('a,b,c,d', 'rc3x a,b,c,d;')
  assertUnitary(actual)
  for (let column = 0; column < 16; column++) {
    const row = (column & 7) === 7 ? column ^ 8 : column
    assert.ok(Math.abs(Math.hypot(...actual[row]![column]!) - 1) < 1e-12, `column ${column}`)
  }
})

type Unitary = number[][][]

/** Entries as [re, im]; the first qubit is the low bit. */
function unitary(qubits: string, body: string): Unitary {
  const names = qubits.split(',')
  const registers = names.map((name) => `qreg ${name}[1];`).join('')
  const circuit = parseCircuit(`OPENQASM 2.0;\ninclude "qelib1.inc";\n${registers}\n${body}`)
  assert.ok(circuit.gateCount > 0)
  return unitaryOf(circuit)
}

function assertUnitary(u: Unitary): void {
  for (let i = 0; i < u.length; i++) {
    for (let j = 0; j < u.length; j++) {
      const [re, im] = u.reduce(
        ([r, m], row) => {
          const [a, b] = row[i] as [number, number]
          const [c, d] = row[j] as [number, number]
          return [r! + a * c + b * d, m! + a * d - b * c]
        },
        [0, 0],
      )
      assert.ok(Math.hypot(re! - (i === j ? 1 : 0), im!) < 1e-12, `columns ${i} and ${j}`)
    }
  }
}

function assertSameUpToPhase(actual: Unitary, expected: Unitary): void {
  // |trace(A† B)| is the dimension exactly when they differ by a phase.
  let re = 0
  let im = 0
  for (const [row, entries] of actual.entries()) {
    for (const [column, [a, b]] of (entries as [number, number][]).entries()) {
      const [c, d] = expected[row]![column] as [number, number]
      re += a * c + b * d
      im += a * d - b * c
    }
  }
  assert.ok(
    Math.abs(Math.hypot(re, im) - actual.length) < 1e-10,
    `overlap ${Math.hypot(re, im)} of ${actual.length}`,
  )
}

/** The phase of the product of n bits, as ± its 2^(1−n) on the parity of each subset. */
function parityPhases(angle: string, qubits: readonly string[]): string {
  let text = ''
  for (let subset = 1; subset < 2 ** qubits.length; subset++) {
    const members = qubits.filter((_, bit) => (subset >> bit) & 1)
    const last = members.pop()!
    const chain = members.map((member) => `CX ${member},${last};`).join(' ')
    text += `${chain} U(0,0,${members.length % 2 === 0 ? '' : '-'}(${angle})/${2 ** (qubits.length - 1)}) ${last}; ${chain} `
  }
  return text
}
