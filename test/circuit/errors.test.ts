import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CircuitError, parseCircuit } from '#shared/circuit/index.ts'

const H = 'OPENQASM 2.0;\ninclude "qelib1.inc";\n'

/** What is wrong, the source, the code, line:column of the offending token, and what the message must say. */
const BAD: [string, string, string, string, RegExp][] = [
  [
    'an unknown gate names the nearest one',
    `${H}qreg q[1];\n  hh q[0];`,
    'CIRCUIT_UNKNOWN_GATE',
    '4:3',
    /'hh': did you mean 'h'/,
  ],
  [
    'an unknown gate without a near one is only named',
    `${H}qreg q[1];\nentangle q;`,
    'CIRCUIT_UNKNOWN_GATE',
    '4:1',
    /'entangle'$/,
  ],
  [
    'a library gate without the include asks for it',
    'OPENQASM 2.0;\nqreg q[1];\nh q[0];',
    'CIRCUIT_UNKNOWN_GATE',
    '3:1',
    /include "qelib1\.inc";/,
  ],
  [
    'a gate that calls itself is unknown in its body',
    `${H}gate loop a { loop a; }`,
    'CIRCUIT_UNKNOWN_GATE',
    '3:15',
    /'loop'/,
  ],
  ['an unknown register', `${H}qreg reg[2];\nh rgg[0];`, 'CIRCUIT_UNKNOWN_NAME', '4:3', /did you mean 'reg'/],
  [
    'an unknown classical register says how to declare it',
    `${H}qreg q[2];\nmeasure q -> out;`,
    'CIRCUIT_UNKNOWN_NAME',
    '4:14',
    /declare it with creg out/,
  ],
  [
    'an unknown register in a condition',
    `${H}qreg q[1];\nif(c==1) h q[0];`,
    'CIRCUIT_UNKNOWN_NAME',
    '4:4',
    /'c'/,
  ],
  [
    'an unknown parameter in a body',
    `${H}gate g(theta) a { rx(thet) a; }`,
    'CIRCUIT_UNKNOWN_NAME',
    '3:22',
    /did you mean 'theta'/,
  ],
  [
    'a parameter outside a body',
    `${H}qreg q[1];\nrx(theta) q[0];`,
    'CIRCUIT_UNKNOWN_NAME',
    '4:4',
    /write a number, pi/,
  ],
  [
    'an unknown qubit in a body',
    `${H}gate g a,b { cx a,d; }`,
    'CIRCUIT_UNKNOWN_NAME',
    '3:19',
    /it has a, b|did you mean/,
  ],
  ['a register twice', 'qreg q[1];\ncreg q[1];', 'CIRCUIT_DUPLICATE_NAME', '2:6', /'q' is declared already/],
  ['a gate twice', 'gate g a { }\ngate g a { }', 'CIRCUIT_DUPLICATE_NAME', '2:6', /'g' is defined already/],
  ['a gate called as a built-in', 'gate CX a,b { }', 'CIRCUIT_DUPLICATE_NAME', '1:6', /'CX'/],
  [
    'a gate called as a register',
    'qreg g[1];\ngate g a { }',
    'CIRCUIT_DUPLICATE_NAME',
    '2:6',
    /register already/,
  ],
  [
    'a register called as a gate',
    'gate g a { }\nqreg g[1];',
    'CIRCUIT_DUPLICATE_NAME',
    '2:6',
    /gate already/,
  ],
  ['two qubits of one name in a gate', 'gate g a,a { }', 'CIRCUIT_DUPLICATE_NAME', '1:10', /two qubits/],
  [
    'two parameters of one name in a gate',
    'gate g(t,t) a { }',
    'CIRCUIT_DUPLICATE_NAME',
    '1:10',
    /two parameters/,
  ],
  [
    'an index beyond the register',
    `${H}qreg q[2];\nh q[2];`,
    'CIRCUIT_OUT_OF_RANGE',
    '4:5',
    /bits 0 to 1, found index 2/,
  ],
  [
    'a classical index beyond the register',
    `${H}qreg q[2];\ncreg c[1];\nmeasure q[1] -> c[1];`,
    'CIRCUIT_OUT_OF_RANGE',
    '5:19',
    /only bit 0/,
  ],
  [
    'too few parameters',
    `${H}qreg q[1];\nrx q[0];`,
    'CIRCUIT_BAD_ARGUMENT',
    '4:1',
    /takes 1 parameter, found 0/,
  ],
  [
    'too many parameters',
    `${H}qreg q[1];\nh(1) q[0];`,
    'CIRCUIT_BAD_ARGUMENT',
    '4:1',
    /takes 0 parameters, found 1/,
  ],
  ['too few qubits', `${H}qreg q[2];\ncx q[0];`, 'CIRCUIT_BAD_ARGUMENT', '4:1', /takes 2 qubits, found 1/],
  [
    'too many qubits in a body',
    `${H}gate g a,b { h a,b; }`,
    'CIRCUIT_BAD_ARGUMENT',
    '3:14',
    /takes 1 qubit, found 2/,
  ],
  ['one qubit twice', `${H}qreg q[2];\ncx q[1], q[1];`, 'CIRCUIT_BAD_ARGUMENT', '4:10', /twice/],
  ['one qubit twice by broadcasting', `${H}qreg q[2];\ncx q, q[1];`, 'CIRCUIT_BAD_ARGUMENT', '4:7', /twice/],
  ['one qubit twice in a body', `${H}gate g a,b { cx b,b; }`, 'CIRCUIT_BAD_ARGUMENT', '3:19', /twice/],
  [
    'registers of two sizes',
    `${H}qreg a[2];\nqreg b[3];\ncx a, b;`,
    'CIRCUIT_BAD_ARGUMENT',
    '5:7',
    /'b' has 3 bits and 'a' has 2/,
  ],
  [
    'measuring into a register of another size',
    `${H}qreg a[2];\ncreg b[3];\nmeasure a -> b;`,
    'CIRCUIT_BAD_ARGUMENT',
    '5:14',
    /3 bits/,
  ],
  [
    'measuring a bit into a register',
    `${H}qreg a[2];\ncreg b[2];\nmeasure a[0] -> b;`,
    'CIRCUIT_BAD_ARGUMENT',
    '5:17',
    /both sides or on neither/,
  ],
  ['a classical register as a qubit', `${H}creg c[2];\nh c[0];`, 'CIRCUIT_BAD_ARGUMENT', '4:3', /is a creg/],
  [
    'a quantum register in a condition',
    `${H}qreg q[2];\nif(q==1) h q[0];`,
    'CIRCUIT_BAD_ARGUMENT',
    '4:4',
    /is a qreg/,
  ],
  ['a register without bits', 'qreg q[0];', 'CIRCUIT_BAD_ARGUMENT', '1:8', /at least one bit/],
  ['division by zero', 'qreg q[1];\nU(1/0,0,0) q[0];', 'CIRCUIT_BAD_ARGUMENT', '2:4', /finite/],
  [
    'the logarithm of a negative number',
    'qreg q[1];\nU(0,ln(-1),0) q[0];',
    'CIRCUIT_BAD_ARGUMENT',
    '2:5',
    /finite/,
  ],
  [
    'division by zero inside a used gate',
    `${H}gate g(t) a { rx(1/t) a; }\nqreg q[1];\ng(0) q[0];`,
    'CIRCUIT_BAD_ARGUMENT',
    '3:19',
    /finite/,
  ],
  [
    'another include',
    'OPENQASM 2.0;\ninclude "mine.inc";',
    'CIRCUIT_UNSUPPORTED',
    '2:9',
    /only "qelib1\.inc"/,
  ],
  [
    'the OpenQASM 3 include',
    'OPENQASM 2.0;\ninclude "stdgates.inc";',
    'CIRCUIT_UNSUPPORTED',
    '2:9',
    /OpenQASM 3/,
  ],
  [
    'using an opaque gate',
    'opaque magic(a) q,r;\nqreg q[2];\nmagic(1) q[0],q[1];',
    'CIRCUIT_UNSUPPORTED',
    '3:1',
    /opaque/,
  ],
  [
    'OpenQASM 3',
    '// three\nOPENQASM 3.0;\nqubit q;',
    'CIRCUIT_UNSUPPORTED',
    '2:1',
    /OpenQASM 3 is not read yet/,
  ],
  [
    'OpenQASM 3 without a version line',
    'include "stdgates.inc";\nqubit[2] q;',
    'CIRCUIT_UNSUPPORTED',
    '1:1',
    /OpenQASM 3/,
  ],
  [
    'an OpenQASM 3 statement under a version 2 line',
    'OPENQASM 2.0;\nqubit[2] q;',
    'CIRCUIT_UNSUPPORTED',
    '2:1',
    /'qubit' is OpenQASM 3/,
  ],
  ['a version that does not exist', 'OPENQASM 2.1;', 'CIRCUIT_UNSUPPORTED', '1:1', /2\.1/],
  [
    'a bit in a condition',
    `${H}qreg q[1];\ncreg c[1];\nif(c[0]==1) x q[0];`,
    'CIRCUIT_UNSUPPORTED',
    '5:5',
    /whole registers/,
  ],
  [
    'a missing semicolon points at what follows',
    `${H}qreg q[1];\nh q[0]\nh q[0];`,
    'CIRCUIT_SYNTAX',
    '5:1',
    /expected ';'.*found 'h'/,
  ],
  ['the end of the file in a statement', 'qreg q[2]', 'CIRCUIT_SYNTAX', '1:10', /end of the file/],
  ['a body that is never closed', 'gate g a { CX a,a', 'CIRCUIT_SYNTAX', '1:18', /';'/],
  ['an unclosed comment', 'qreg q[1];\n /* and so on', 'CIRCUIT_SYNTAX', '2:2', /never closed/],
  ['an unclosed string', 'include "qelib1.inc;\n', 'CIRCUIT_SYNTAX', '1:9', /not closed/],
  ['a character without meaning', 'qreg q[1];\nqreg r€[1];', 'CIRCUIT_SYNTAX', '2:7', /"€"/],
  ['an index into a body qubit', `${H}gate g a { h a[0]; }`, 'CIRCUIT_SYNTAX', '3:16', /without an index/],
  [
    'a measurement in a body',
    `${H}gate g a { measure a -> a; }`,
    'CIRCUIT_SYNTAX',
    '3:12',
    /'measure' may not stand in a gate body/,
  ],
  [
    'a barrier under a condition',
    `${H}qreg q[1];\ncreg c[1];\nif(c==1) barrier q;`,
    'CIRCUIT_SYNTAX',
    '5:10',
    /'barrier' may not follow/,
  ],
  ['a reserved word as a name', 'qreg pi[1];', 'CIRCUIT_SYNTAX', '1:6', /word of the language/],
  ['a second version line', 'OPENQASM 2.0;\nOPENQASM 2.0;', 'CIRCUIT_SYNTAX', '2:1', /once/],
  ['a gate without qubits', 'gate g { }', 'CIRCUIT_SYNTAX', '1:6', /at least one qubit/],
  ['a broken expression', 'qreg q[1];\nU(1+,0,0) q[0];', 'CIRCUIT_SYNTAX', '2:5', /a number, pi/],
  [
    'columns count on a line that ends in CR LF',
    'qreg q[1];\r\n\tfoo q;',
    'CIRCUIT_UNKNOWN_GATE',
    '2:2',
    /'foo'/,
  ],
]

for (const [title, source, code, place, message] of BAD) {
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
