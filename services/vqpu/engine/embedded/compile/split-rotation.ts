/** A one-qubit gate as phase · [quarter turn] · real rotation · phase. */
import { EPSILON, type Matrix } from './small-matrix.ts'

export type SplitRotation = {
  /** First: the factor that amplitude 1 gets. It commutes with all that other gates did diagonally to this qubit. */
  before: { re: number; im: number }
  /** Then the rotation [[1, −tan], [tan, 1]], |tan| ≤ 1. */
  tan: number
  /** Last: a matrix with one entry in each row and column; the rotation's cosine is in it. */
  after: Matrix
}

/**
 * Any unitary is e^(iα) · diag(1, e^(iφ)) · [[cos, −sin], [sin, cos]] · diag(1, e^(iλ)) with cos and sin ≥ 0. Beyond an
 * eighth turn a quarter turn, which only exchanges amplitudes, is taken out so that the tangent stays small.
 */
export function splitRotation(u: Matrix): SplitRotation {
  const cos = Math.hypot(u[0]!, u[1]!)
  const sin = Math.hypot(u[4]!, u[5]!)
  if (cos >= sin) {
    const alpha = { re: u[0]! / cos, im: u[1]! / cos }
    if (sin < EPSILON)
      return {
        before: quotient(u[6]!, u[7]!, alpha),
        tan: 0,
        after: Float64Array.of(u[0]!, u[1]!, 0, 0, 0, 0, u[0]!, u[1]!),
      }
    const before = quotient(-u[2]! / sin, -u[3]! / sin, alpha)
    // diag(1, e^(iφ)) · e^(iα) · cos: its second entry is u10 turned to length cos.
    const after = Float64Array.of(u[0]!, u[1]!, 0, 0, 0, 0, (u[4]! / sin) * cos, (u[5]! / sin) * cos)
    return { before, tan: sin / cos, after }
  }
  // e^(iα)·diag(1, e^(iφ))·J·sin·[[1, t], [−t, 1]] with J = [[0, −1], [1, 0]] and t = cos / sin.
  const beta = { re: u[4]! / sin, im: u[5]! / sin }
  if (cos < EPSILON)
    return {
      before: quotient(-u[2]! / sin, -u[3]! / sin, { re: 1, im: 0 }),
      tan: 0,
      after: Float64Array.of(0, 0, -1, 0, u[4]!, u[5]!, 0, 0),
    }
  const alpha = { re: u[0]! / cos, im: u[1]! / cos }
  const before = quotient(-u[2]! / sin, -u[3]! / sin, alpha)
  return {
    before,
    tan: -cos / sin,
    after: Float64Array.of(0, 0, -alpha.re * sin, -alpha.im * sin, beta.re * sin, beta.im * sin, 0, 0),
  }
}

/** (re + i·im) / by, for `by` of length 1. */
function quotient(re: number, im: number, by: { re: number; im: number }): { re: number; im: number } {
  return { re: re * by.re + im * by.im, im: im * by.re - re * by.im }
}
