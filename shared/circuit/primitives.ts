/** The gates that a checked circuit is made of. Every engine must know these and no others. */

/**
 * `controls` qubits come first and switch `base` on for the rest; without controls a gate is its own base.
 * Parameters pass to the base unchanged.
 */
export type Primitive = { params: number; qubits: number; controls: number; base: BaseName }

/** What stands under the controls. `u` has an optional fourth parameter, a phase, which only `cu` gives. */
export type BaseName =
  | 'id'
  | 'x'
  | 'y'
  | 'z'
  | 'h'
  | 's'
  | 'sdg'
  | 't'
  | 'tdg'
  | 'sx'
  | 'sxdg'
  | 'rx'
  | 'ry'
  | 'rz'
  | 'p'
  | 'u'
  | 'swap'
  | 'rxx'
  | 'rzz'

export type PrimitiveName =
  | BaseName
  | 'cx'
  | 'cy'
  | 'cz'
  | 'ch'
  | 'csx'
  | 'cp'
  | 'crx'
  | 'cry'
  | 'crz'
  | 'cu'
  | 'ccx'
  | 'cswap'
  | 'c3x'
  | 'c3sx'
  | 'c4x'

const single = (base: BaseName, params = 0): Primitive => ({ params, qubits: 1, controls: 0, base })
const pair = (base: BaseName, params = 0): Primitive => ({ params, qubits: 2, controls: 0, base })
const controlled = (controls: number, base: BaseName, params = 0): Primitive => ({
  params,
  qubits: controls + 1,
  controls,
  base,
})

export const PRIMITIVES: Readonly<Record<PrimitiveName, Primitive>> = {
  id: single('id'),
  x: single('x'),
  y: single('y'),
  z: single('z'),
  h: single('h'),
  s: single('s'),
  sdg: single('sdg'),
  t: single('t'),
  tdg: single('tdg'),
  sx: single('sx'),
  sxdg: single('sxdg'),
  rx: single('rx', 1),
  ry: single('ry', 1),
  rz: single('rz', 1),
  p: single('p', 1),
  u: single('u', 3),
  swap: pair('swap'),
  rxx: pair('rxx', 1),
  rzz: pair('rzz', 1),
  cx: controlled(1, 'x'),
  cy: controlled(1, 'y'),
  cz: controlled(1, 'z'),
  ch: controlled(1, 'h'),
  csx: controlled(1, 'sx'),
  cp: controlled(1, 'p', 1),
  crx: controlled(1, 'rx', 1),
  cry: controlled(1, 'ry', 1),
  crz: controlled(1, 'rz', 1),
  cu: controlled(1, 'u', 4),
  ccx: controlled(2, 'x'),
  cswap: { params: 0, qubits: 3, controls: 1, base: 'swap' },
  c3x: controlled(3, 'x'),
  c3sx: controlled(3, 'sx'),
  c4x: controlled(4, 'x'),
}
