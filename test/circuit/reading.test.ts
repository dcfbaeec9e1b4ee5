import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bitsOfKey, countsKey, describeCircuit, parseCircuit } from '#shared/circuit/index.ts'

const H = 'OPENQASM 2.0;\ninclude "qelib1.inc";\n'
const angleOf = (expression: string) => {
  const [operation] = parseCircuit(`qreg q[1];\nU(${expression},0,0) q[0];`).operations
  assert.ok(operation?.kind === 'gate')
  return operation.params[0]!
}

test('expressions follow the usual order, powers group to the right and bind before a minus sign', () => {
  const cases: [string, number][] = [
    ['1+2*3', 7],
    ['(1+2)*3', 9],
    ['7-2-1', 4],
    ['8/4/2', 1],
    ['2^3^2', 512],
    ['-2^2', -4],
    ['2^-1', 0.5],
    ['2*-3', -6],
    ['pi/2', Math.PI / 2],
    ['-pi', -Math.PI],
    ['+1', 1],
    ['1.5e-3', 0.0015],
    ['.5', 0.5],
    ['2.', 2],
    ['1E2', 100],
    ['sin(pi/6)', Math.sin(Math.PI / 6)],
    ['cos(0)', 1],
    ['tan(0.3)', Math.tan(0.3)],
    ['exp(1)', Math.E],
    ['ln(2)', Math.LN2],
    ['sqrt(2)', Math.SQRT2],
    ['sqrt(sin(0)^2+cos(0)^2)', 1],
    ['3*pi/4', (3 * Math.PI) / 4],
    ['pi*-0.25', Math.PI * -0.25],
    ['--1', 1],
  ]
  for (const [expression, value] of cases)
    assert.ok(Math.abs(angleOf(expression) - value) < 1e-15, `${expression} gave ${angleOf(expression)}`)
})

test('a random expression evaluates as JavaScript evaluates it', () => {
  const { expression } = fc.letrec<{ expression: string }>((tie) => ({
    expression: fc.oneof(
      { depthSize: 'small' },
      fc.integer({ min: 1, max: 9 }).map(String),
      fc.constant('pi'),
      fc
        .tuple(tie('expression'), fc.constantFrom('+', '-', '*', '/'), tie('expression'))
        .map(([left, operator, right]) => `(${left} ${operator} ${right})`),
      tie('expression').map((inner) => `-${inner}`),
      tie('expression').map((inner) => `cos(${inner})`),
    ),
  }))
  fc.assert(
    fc.property(expression, (text) => {
      const expected = Number(
        new Function('pi', 'cos', `return ${text.replaceAll(/-(?=-)/g, '- ')}`)(Math.PI, Math.cos),
      )
      fc.pre(Number.isFinite(expected))
      // JavaScript tells -0 from 0; an angle does not.
      assert.equal(angleOf(text) + 0, expected + 0)
    }),
  )
})

test('whole registers are stepped through together and single bits stay', () => {
  const { operations } = parseCircuit(
    `${H}qreg a[2];\nqreg b[2];\ncreg c[2];\ncx a,b;\ncx a[1],b;\nreset b;\nmeasure b -> c;`,
  )
  assert.deepEqual(
    operations.map((operation) =>
      'qubits' in operation
        ? operation.qubits
        : operation.kind === 'measure'
          ? [operation.qubit, operation.clbit]
          : [operation.qubit],
    ),
    [[0, 2], [1, 3], [1, 2], [1, 3], [2], [3], [2, 0], [3, 1]],
  )
})

test('a version line may be absent, integer, or stand after comments', () => {
  for (const head of ['', 'OPENQASM 2;', '// a\n/* b\n c */ OPENQASM 2.0;', '\uFEFFOPENQASM 2.0;\r\n']) {
    assert.equal(parseCircuit(`${head}include "qelib1.inc"; qreg q[1]; h q[0];`).gateCount, 1, head)
  }
})

test('custom gates expand with their parameters, nested, empty, and with barriers', () => {
  const circuit = parseCircuit(`${H}
    gate nothing a { }
    gate turn(t, u) a { rz(t/2) a; nothing a; rx(-u) a; }
    gate both(t) a,b { turn(t, 2*t) b; barrier a,b; cx b,a; }
    qreg q[2]; both(0.5) q[1],q[0];`)
  assert.deepEqual(
    circuit.operations.map((operation) => ({ ...operation, condition: undefined })),
    [
      { kind: 'gate', name: 'rz', params: [0.25], qubits: [0], condition: undefined },
      { kind: 'gate', name: 'rx', params: [-1], qubits: [0], condition: undefined },
      { kind: 'barrier', qubits: [1, 0], condition: undefined },
      { kind: 'gate', name: 'cx', params: [], qubits: [0, 1], condition: undefined },
    ],
  )
  assert.deepEqual(circuit.gatesUsed, ['both'])
})

test("a file's own definition of a library gate holds from there on, and not in gates defined before", () => {
  const { operations } = parseCircuit(
    `${H}gate old a { h a; }\ngate h a { x a; }\nqreg q[1];\nold q[0];\nh q[0];`,
  )
  assert.deepEqual(
    operations.map((operation) => operation.kind === 'gate' && operation.name),
    ['h', 'x'],
  )
})

test('a register may share its name with a library gate', () => {
  assert.equal(parseCircuit(`${H}qreg x[1];\nx x[0];`).gateCount, 1)
})

test('an opaque gate may be declared as long as nobody uses it', () => {
  assert.equal(parseCircuit('opaque magic(a,b) q,r;\nqreg q[1];').gateCount, 0)
})

test('a condition goes with gates, custom gates, measurements and resets', () => {
  const { operations, dynamic } = parseCircuit(
    `${H}gate two a { h a; x a; }\nqreg q[2];\ncreg c[2];\nif(c==3) two q[0];\nif(c==1) measure q -> c;\nif (c == 0) reset q[1];`,
  )
  assert.deepEqual(
    operations.map(({ condition }) => condition?.value),
    [3, 3, 1, 1, 0],
  )
  assert.ok(dynamic)
})

test('dynamic means that something happens after a qubit was looked at', () => {
  const dynamic = (body: string) => parseCircuit(`${H}qreg q[2];\ncreg c[2];\n${body}`).dynamic
  assert.equal(dynamic('h q; measure q -> c;'), false)
  assert.equal(dynamic('reset q; h q; measure q -> c;'), false, 'nothing to reset yet')
  assert.equal(dynamic('measure q[0] -> c[0]; h q[1]; barrier q; measure q[1] -> c[1];'), false)
  assert.equal(dynamic('measure q[0] -> c[0]; h q[0];'), true)
  assert.equal(dynamic('h q; reset q[0];'), true)
  assert.equal(dynamic('measure q[0] -> c[0]; reset q[0];'), true)
  assert.equal(dynamic('if(c==0) h q;'), true)
})

test('depth is the longest chain; a barrier lines qubits up but adds nothing; a condition waits for its register', () => {
  const depth = (body: string) => parseCircuit(`${H}qreg q[3];\ncreg c[3];\n${body}`).depth
  assert.equal(depth('h q;'), 1)
  assert.equal(depth('h q[0]; cx q[0],q[1]; cx q[1],q[2]; measure q -> c;'), 4)
  assert.equal(depth('h q[0]; h q[0]; barrier q; h q[1];'), 3)
  assert.equal(depth('measure q[0] -> c[0]; if(c==1) x q[1];'), 2)
})

test('a key has bit 0 rightmost and the last register leftmost, and comes apart again', () => {
  const cregs = [
    { name: 'a', size: 2, offset: 0 },
    { name: 'b', size: 3, offset: 2 },
  ]
  assert.equal(countsKey([1, 0, 0, 0, 1], cregs), '100 01')
  fc.assert(
    fc.property(fc.array(fc.constantFrom(0, 1), { minLength: 5, maxLength: 5 }), (bits) =>
      assert.deepEqual(bitsOfKey(countsKey(bits, cregs)), bits),
    ),
  )
})

test('a circuit is described in one line', () => {
  assert.equal(
    describeCircuit(
      parseCircuit(`${H}qreg q[2];\ncreg c[1];\nh q[0];\ncx q[0],q[1];\nmeasure q[1] -> c[0];`),
    ),
    'OpenQASM 2, 2 qubits, 1 classical bit, 2 gates (cx h), 1 measurement, depth 3',
  )
})

test('every operation of a parsed circuit stays within its registers', () => {
  const line = fc.constantFrom(
    'h q;',
    'cx q[0],r[1];',
    'ccx r[0],r[1],q[1];',
    'measure r -> d;',
    'reset q[1];',
    'if(d==2) swap q[0],r[0];',
    'barrier q,r;',
    'rc3x q[0],q[1],r[0],r[1];',
  )
  fc.assert(
    fc.property(fc.array(line, { maxLength: 12 }), (lines) => {
      const circuit = parseCircuit(`${H}qreg q[2];\nqreg r[2];\ncreg c[1];\ncreg d[2];\n${lines.join('\n')}`)
      for (const operation of circuit.operations) {
        const qubits = 'qubits' in operation ? operation.qubits : [operation.qubit]
        assert.ok(qubits.every((qubit) => Number.isInteger(qubit) && qubit >= 0 && qubit < circuit.qubits))
        assert.equal(new Set(qubits).size, qubits.length)
        if (operation.kind === 'measure') assert.ok(operation.clbit >= 1 && operation.clbit < circuit.clbits)
      }
      assert.ok(circuit.depth <= circuit.operations.length)
    }),
  )
})
