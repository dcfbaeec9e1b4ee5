/** The gates of qelib1.inc as Qiskit ships it, told in primitives so that no include file has to be found or expanded. */
import type { PrimitiveName } from '../primitives.ts'

/** `params` and `qubits` are how many it takes; `primitive` gets the parameters that `pass` makes of them. */
export type LibraryGate = {
  params: number
  qubits: number
  primitive: PrimitiveName
  pass?: (params: readonly number[]) => number[]
}

const same = (primitive: PrimitiveName, qubits: number, params = 0): LibraryGate => ({
  params,
  qubits,
  primitive,
})

export const QELIB1: ReadonlyMap<string, LibraryGate> = new Map(
  Object.entries({
    u3: same('u', 1, 3),
    u2: { params: 2, qubits: 1, primitive: 'u', pass: ([phi = 0, lambda = 0]) => [Math.PI / 2, phi, lambda] },
    u1: same('p', 1, 1),
    u: same('u', 1, 3),
    p: same('p', 1, 1),
    // A wait: its parameter is a length of time, so it has no effect on an ideal state.
    u0: { params: 1, qubits: 1, primitive: 'id', pass: () => [] },
    id: same('id', 1),
    x: same('x', 1),
    y: same('y', 1),
    z: same('z', 1),
    h: same('h', 1),
    s: same('s', 1),
    sdg: same('sdg', 1),
    t: same('t', 1),
    tdg: same('tdg', 1),
    sx: same('sx', 1),
    sxdg: same('sxdg', 1),
    rx: same('rx', 1, 1),
    ry: same('ry', 1, 1),
    rz: same('rz', 1, 1),
    cx: same('cx', 2),
    cy: same('cy', 2),
    cz: same('cz', 2),
    ch: same('ch', 2),
    csx: same('csx', 2),
    swap: same('swap', 2),
    cp: same('cp', 2, 1),
    cu1: same('cp', 2, 1),
    crx: same('crx', 2, 1),
    cry: same('cry', 2, 1),
    crz: same('crz', 2, 1),
    cu: same('cu', 2, 4),
    cu3: { params: 3, qubits: 2, primitive: 'cu', pass: (params) => [...params, 0] },
    rxx: same('rxx', 2, 1),
    rzz: same('rzz', 2, 1),
    ccx: same('ccx', 3),
    cswap: same('cswap', 3),
    c3x: same('c3x', 4),
    c3sqrtx: same('c3sx', 4),
    c4x: same('c4x', 5),
  } satisfies Record<string, LibraryGate>),
)

/** Always there, without an include. */
export const BUILT_IN: ReadonlyMap<string, LibraryGate> = new Map([
  ['U', same('u', 1, 3)],
  ['CX', same('cx', 2)],
])

/**
 * The two gates of the library that are not a controlled primitive: a Toffoli and a three-fold controlled X that are
 * right up to relative phases. Both sandwich the target between Hadamards and walk its phase in eighth turns.
 */
export const RELATIVE_PHASE_GATES = `
gate rccx a,b,c { h c; t c; cx b,c; tdg c; cx a,c; t c; cx b,c; tdg c; h c; }
gate rc3x a,b,c,d {
  h d; t d; cx c,d; tdg d; h d;
  cx a,d; t d; cx b,d; tdg d; cx a,d; t d; cx b,d; tdg d;
  h d; t d; cx c,d; tdg d; h d;
}`
