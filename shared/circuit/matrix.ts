/** The unitary of a base gate. */
import type { BaseName } from './primitives.ts'

/**
 * Row by row, each entry as real part then imaginary part: 8 numbers for one qubit, 32 for two. For two qubits row and
 * column count with the first qubit as the high bit.
 */
export type Matrix = Float64Array

const R = Math.SQRT1_2

export function baseMatrix(base: BaseName, params: readonly number[]): Matrix {
  const [a = 0, b = 0, c = 0, d = 0] = params
  switch (base) {
    case 'id':
      return diagonal(0, 0)
    case 'x':
      return Float64Array.of(0, 0, 1, 0, 1, 0, 0, 0)
    case 'y':
      return Float64Array.of(0, 0, 0, -1, 0, 1, 0, 0)
    case 'z':
      return Float64Array.of(1, 0, 0, 0, 0, 0, -1, 0)
    case 'h':
      return Float64Array.of(R, 0, R, 0, R, 0, -R, 0)
    case 's':
      return Float64Array.of(1, 0, 0, 0, 0, 0, 0, 1)
    case 'sdg':
      return Float64Array.of(1, 0, 0, 0, 0, 0, 0, -1)
    case 't':
      return Float64Array.of(1, 0, 0, 0, 0, 0, R, R)
    case 'tdg':
      return Float64Array.of(1, 0, 0, 0, 0, 0, R, -R)
    case 'sx':
      return Float64Array.of(0.5, 0.5, 0.5, -0.5, 0.5, -0.5, 0.5, 0.5)
    case 'sxdg':
      return Float64Array.of(0.5, -0.5, 0.5, 0.5, 0.5, 0.5, 0.5, -0.5)
    case 'rx':
      return rotation(a, -Math.PI / 2, Math.PI / 2, 0)
    case 'ry':
      return rotation(a, 0, 0, 0)
    case 'rz':
      return diagonal(-a / 2, a / 2)
    case 'p':
      return diagonal(0, a)
    case 'u':
      return rotation(a, b, c, d)
    case 'swap':
      return sparse([0, 0, 1], [1, 2, 1], [2, 1, 1], [3, 3, 1])
    case 'rzz':
      return rzz(a)
    case 'rxx':
      return rxx(a)
  }
}

/** e^(i·phase) · [[cos, −e^(iλ) sin], [e^(iφ) sin, e^(i(φ+λ)) cos]] of half the angle. */
function rotation(theta: number, phi: number, lambda: number, phase: number): Matrix {
  const cos = Math.cos(theta / 2)
  const sin = Math.sin(theta / 2)
  const entry = (size: number, angle: number) => [size * Math.cos(angle), size * Math.sin(angle)] as const
  return Float64Array.of(
    ...entry(cos, phase),
    ...entry(-sin, phase + lambda),
    ...entry(sin, phase + phi),
    ...entry(cos, phase + phi + lambda),
  )
}

function diagonal(angle0: number, angle1: number): Matrix {
  return Float64Array.of(Math.cos(angle0), Math.sin(angle0), 0, 0, 0, 0, Math.cos(angle1), Math.sin(angle1))
}

function rzz(angle: number): Matrix {
  const cos = Math.cos(angle / 2)
  const sin = Math.sin(angle / 2)
  return sparse([0, 0, cos, -sin], [1, 1, cos, sin], [2, 2, cos, sin], [3, 3, cos, -sin])
}

function rxx(angle: number): Matrix {
  const cos = Math.cos(angle / 2)
  const sin = -Math.sin(angle / 2)
  const straight = [0, 1, 2, 3].map((row) => [row, row, cos])
  const crossed = [0, 1, 2, 3].map((row) => [row, 3 - row, 0, sin])
  return sparse(...straight, ...crossed)
}

function sparse(...entries: number[][]): Matrix {
  const matrix = new Float64Array(32)
  for (const [row = 0, column = 0, re = 0, im = 0] of entries) {
    matrix[row * 8 + column * 2] = re
    matrix[row * 8 + column * 2 + 1] = im
  }
  return matrix
}
