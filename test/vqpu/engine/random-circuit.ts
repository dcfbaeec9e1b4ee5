/** Random OpenQASM 2 sources that fast-check can shrink line by line. */
import fc from 'fast-check'

const GATES: [name: string, params: number, qubits: number][] = [
  ['h', 0, 1],
  ['x', 0, 1],
  ['y', 0, 1],
  ['z', 0, 1],
  ['s', 0, 1],
  ['tdg', 0, 1],
  ['sx', 0, 1],
  ['rx', 1, 1],
  ['ry', 1, 1],
  ['rz', 1, 1],
  ['p', 1, 1],
  ['u2', 2, 1],
  ['u3', 3, 1],
  ['cx', 0, 2],
  ['cy', 0, 2],
  ['cz', 0, 2],
  ['ch', 0, 2],
  ['swap', 0, 2],
  ['csx', 0, 2],
  ['cp', 1, 2],
  ['crx', 1, 2],
  ['cry', 1, 2],
  ['crz', 1, 2],
  ['rxx', 1, 2],
  ['rzz', 1, 2],
  ['cu3', 3, 2],
  ['cu', 4, 2],
  ['ccx', 0, 3],
  ['cswap', 0, 3],
  ['rccx', 0, 3],
  ['c3x', 0, 4],
  ['c3sqrtx', 0, 4],
]

const angle = fc.oneof(
  fc.constantFrom('pi', 'pi/2', '-pi/2', 'pi/4', '0'),
  fc.double({ min: -7, max: 7, noNaN: true }).map((value) => value.toFixed(6)),
)

function gate(qubits: number): fc.Arbitrary<string> {
  return fc
    .tuple(
      fc.constantFrom(...GATES.filter(([, , needed]) => needed <= qubits)),
      fc.array(angle, { minLength: 4, maxLength: 4 }),
      fc.shuffledSubarray(range(qubits), { minLength: qubits }),
    )
    .map(
      ([[name, params, needed], angles, order]) =>
        `${name}${params === 0 ? '' : `(${angles.slice(0, params)})`} ${order.slice(0, needed).map((qubit) => `q[${qubit}]`)};`,
    )
}

/** Gates only, then every qubit is measured. */
export const staticCircuit: fc.Arbitrary<string> = fc
  .integer({ min: 1, max: 6 })
  .chain((qubits) =>
    fc.array(gate(qubits), { maxLength: 40 }).map((lines) => source(qubits, [...lines, 'measure q -> c;'])),
  )

/** Gates, measurements, resets and conditions in any order; some qubits are measured at the end. */
export const dynamicCircuit: fc.Arbitrary<string> = fc.integer({ min: 2, max: 4 }).chain((qubits) => {
  const bit = fc.nat(qubits - 1)
  const look = fc.oneof(
    fc.tuple(bit, bit).map(([qubit, clbit]) => `measure q[${qubit}] -> c[${clbit}];`),
    bit.map((qubit) => `reset q[${qubit}];`),
  )
  const plain = fc.oneof({ weight: 4, arbitrary: gate(qubits) }, { weight: 1, arbitrary: look })
  const conditional = fc
    .tuple(fc.nat(2), fc.oneof({ weight: 3, arbitrary: gate(qubits) }, look))
    .map(([value, line]) => `if(c==${value}) ${line}`)
  const line = fc.oneof({ weight: 4, arbitrary: plain }, { weight: 1, arbitrary: conditional })
  const end = fc.constantFrom('measure q -> c;', 'measure q[0] -> c[1];', 'measure q[1] -> d[0];', '')
  return fc
    .tuple(fc.array(line, { maxLength: 20 }), end)
    .map(([lines, last]) => source(qubits, [...lines, last]))
})

function source(qubits: number, lines: readonly string[]): string {
  return `OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[${qubits}];\ncreg c[${qubits}];\ncreg d[1];\n${lines.join('\n')}\n`
}

const range = (length: number) => Array.from({ length }, (_, index) => index)
