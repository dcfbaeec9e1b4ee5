/** Circuits for tests, as their authors would write them. */

export const BELL = `OPENQASM 2.0;
include "qelib1.inc";
qreg q[2];
creg c[2];
h q[0];
cx q[0], q[1];
measure q -> c;
`

export const UNKNOWN_GATE = BELL.replace('cx q[0]', 'czz q[0]')

/** One that takes about `layers` × 0.3 s on one thread. */
export function slow(layers: number, qubits = 22): string {
  const layer = Array.from(
    { length: qubits },
    (_, i) => `u3(0.${i + 1},0.2,0.3) q[${i}]; cx q[${i}], q[${(i + 1) % qubits}];`,
  )
  return `OPENQASM 2.0;
include "qelib1.inc";
qreg q[${qubits}];
creg c[${qubits}];
${`${layer.join('\n')}\n`.repeat(layers)}measure q -> c;
`
}

export function wide(qubits: number): string {
  return `OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[${qubits}];\ncreg c[${qubits}];\nh q;\nmeasure q -> c;\n`
}
