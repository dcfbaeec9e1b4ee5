/** Gates on one pair of qubits, grown together into one: a rotation on each qubit, then any 4 × 4 matrix. */
import type { KernelStep } from '../kernel/apply-step.ts'
import {
  IDENTITY_2,
  IDENTITY_4,
  isDiagonal,
  isZero,
  kron,
  type Matrix,
  multiply,
  permutationOf,
} from './small-matrix.ts'

export type PairBlock = {
  kind: 'pair'
  /** Wires; the first is the high bit of the matrix index. */
  a: number
  b: number
  tanA: number
  tanB: number
  post: Matrix
}

export const isDiagonalBlock = (block: PairBlock) =>
  block.tanA === 0 && block.tanB === 0 && isDiagonal(block.post)

/** `gate` acts after what is in the block. */
export function extendBlock(block: PairBlock, gate: Matrix): void {
  block.post = multiply(gate, block.post)
}

/** Multiplies by a factor the amplitudes in which `wire` is set. */
export function turnPhase(block: PairBlock, wire: number, { re, im }: Phase): void {
  const bit = wire === block.a ? 2 : 1
  for (let entry = 0; entry < 16; entry++) {
    if (((entry >> 2) & bit) === 0) continue
    const r = block.post[entry * 2]!
    const i = block.post[entry * 2 + 1]!
    block.post[entry * 2] = r * re - i * im
    block.post[entry * 2 + 1] = r * im + i * re
  }
}

export type Phase = { re: number; im: number }

/** Takes out of a diagonal block the factor that each of its wires gets by itself; what stays couples the two. */
export function takePhases(block: PairBlock): { a: Phase; b: Phase } {
  const entry = (at: number): Phase => ({ re: block.post[at * 10]!, im: block.post[at * 10 + 1]! })
  const [d0, d1, d2] = [entry(0), entry(1), entry(2)]
  const ratio = (d: Phase): Phase => ({ re: d.re * d0.re + d.im * d0.im, im: d.im * d0.re - d.re * d0.im })
  const taken = { a: ratio(d2), b: ratio(d1) }
  turnPhase(block, block.a, { re: taken.a.re, im: -taken.a.im })
  turnPhase(block, block.b, { re: taken.b.re, im: -taken.b.im })
  return taken
}

/** The cheapest steps that do what the block does. `a` and `b` are the bit masks of its qubits in the state. */
export function stepsOfBlock(block: PairBlock, a: number, b: number): KernelStep[] {
  const full = permutationOf(block.post) === undefined ? fullMatrix(block) : block.post
  const to = permutationOf(full)
  if (to === undefined) return stepsOfDense(full, a, b)
  const rotates = full === block.post && (block.tanA !== 0 || block.tanB !== 0)
  const factors = factorsOf(full, to)
  if (!rotates) {
    if (to.every((row, column) => row === column)) return phasesOf(factors, a, b)
    const exchange = exchangeOf(to, a, b)
    if (exchange !== undefined && isUniform(factors)) return [exchange]
  }
  const masks = [0, b, a, a | b]
  const { tanA, tanB } = rotates ? block : { tanA: 0, tanB: 0 }
  return [{ kind: 'product', a, b, tanA, tanB, to: Int32Array.from(to, (row) => masks[row]!), factors }]
}

function fullMatrix({ tanA, tanB, post }: PairBlock): Matrix {
  if (tanA === 0 && tanB === 0) return post
  return multiply(post, kron(tangentMatrix(tanA), tangentMatrix(tanB)))
}

const tangentMatrix = (tan: number): Matrix =>
  tan === 0 ? IDENTITY_2 : Float64Array.of(1, 0, -tan, 0, tan, 0, 1, 0)

function factorsOf(full: Matrix, to: readonly number[]): Float64Array {
  const factors = new Float64Array(8)
  for (const [column, row] of to.entries())
    factors.set(full.subarray((row * 4 + column) * 2, (row * 4 + column) * 2 + 2), column * 2)
  return factors
}

/** A gate that is the identity unless one of the qubits is set touches only half of the amplitudes. */
function stepsOfDense(full: Matrix, a: number, b: number): KernelStep[] {
  if (sameOutside(full, [10, 11, 14, 15]))
    return [{ kind: 'controlled', controls: a, target: b, matrix: quarter(full, 2, 3) }]
  if (sameOutside(full, [5, 7, 13, 15]))
    return [{ kind: 'controlled', controls: b, target: a, matrix: quarter(full, 1, 3) }]
  return [{ kind: 'dense', a, b, matrix: full }]
}

function sameOutside(full: Matrix, inside: readonly number[]): boolean {
  for (let entry = 0; entry < 16; entry++) {
    if (inside.includes(entry)) continue
    if (isZero(full, entry) !== isZero(IDENTITY_4, entry)) return false
    if (entry % 5 === 0 && Math.hypot(full[entry * 2]! - 1, full[entry * 2 + 1]!) > 1e-14) return false
  }
  return true
}

function quarter(full: Matrix, first: number, second: number): Matrix {
  const entries = [first * 4 + first, first * 4 + second, second * 4 + first, second * 4 + second]
  return Float64Array.from(entries.flatMap((entry) => [full[entry * 2]!, full[entry * 2 + 1]!]))
}

/** A diagonal gate up to a global phase: at most a half, a half and a quarter of the amplitudes get a factor. */
function phasesOf(factors: Float64Array, a: number, b: number): KernelStep[] {
  const angle = (at: number) => Math.atan2(factors[at * 2 + 1]!, factors[at * 2]!)
  const [d0, d1, d2, d3] = [angle(0), angle(1), angle(2), angle(3)]
  const phases = [
    [b, d1 - d0],
    [a, d2 - d0],
    [a | b, d3 + d0 - d1 - d2],
  ] as const
  return phases.flatMap(([mask, turn]) => {
    const re = Math.cos(turn)
    const im = Math.sin(turn)
    return Math.hypot(re - 1, im) < 1e-14 ? [] : [{ kind: 'phase' as const, mask, re, im }]
  })
}

function exchangeOf(to: readonly number[], a: number, b: number): KernelStep | undefined {
  switch (to.join('')) {
    case '0132':
      return { kind: 'exchange', controls: a, from: 0, to: b }
    case '0321':
      return { kind: 'exchange', controls: b, from: 0, to: a }
    case '0213':
      return { kind: 'exchange', controls: 0, from: a, to: b }
    default:
      return undefined
  }
}

/** All factors alike: a global phase. */
function isUniform(factors: Float64Array): boolean {
  return [2, 4, 6].every(
    (at) => Math.hypot(factors[at]! - factors[0]!, factors[at + 1]! - factors[1]!) < 1e-14,
  )
}
