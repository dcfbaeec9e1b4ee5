/** A gate on two qubits that is a rotation on each, then a permutation with a factor for each of the four amplitudes. */
export type ProductStep = {
  kind: 'product'
  /** Bit masks of the two qubits; amplitudes are counted with `a` as the high bit. */
  a: number
  b: number
  /** The rotations are [[1, −tan], [tan, 1]]: their cosines are in the factors, which saves a third of the products. */
  tanA: number
  tanB: number
  /** Where each of the four amplitudes goes: 0, a, b or a|b. */
  to: Int32Array
  /** Real and imaginary part of each amplitude's factor. */
  factors: Float64Array
}

/**
 * The kernel that most of a circuit's time goes to. Half the products of a dense 4 × 4 gate, and one flat loop: a loop
 * for each qubit costs up to 50 % more when one of them is low.
 */
export function applyProduct(re: Float64Array, im: Float64Array, size: number, step: ProductStep): void {
  const { a, b, tanA: t, tanB: u, to, factors: f } = step
  const low = Math.min(a, b) - 1
  const middle = (Math.max(a, b) >> 1) - 1 - low
  const high = ~(low | middle)
  const to0 = to[0]!,
    to1 = to[1]!,
    to2 = to[2]!,
    to3 = to[3]!
  const c0 = f[0]!,
    s0 = f[1]!,
    c1 = f[2]!,
    s1 = f[3]!,
    c2 = f[4]!,
    s2 = f[5]!,
    c3 = f[6]!,
    s3 = f[7]!
  const quarter = size >>> 2
  for (let q = 0; q < quarter; q++) {
    const k = (q & low) | ((q & middle) << 1) | ((q & high) << 2)
    const k1 = k | b,
      k2 = k | a,
      k3 = k1 | a
    const r0 = re[k]!,
      r1 = re[k1]!,
      r2 = re[k2]!,
      r3 = re[k3]!
    const i0 = im[k]!,
      i1 = im[k1]!,
      i2 = im[k2]!,
      i3 = im[k3]!
    const x0 = r0 - u * r1,
      x1 = r1 + u * r0,
      x2 = r2 - u * r3,
      x3 = r3 + u * r2
    const y0 = i0 - u * i1,
      y1 = i1 + u * i0,
      y2 = i2 - u * i3,
      y3 = i3 + u * i2
    const p0 = x0 - t * x2,
      p2 = x2 + t * x0,
      p1 = x1 - t * x3,
      p3 = x3 + t * x1
    const q0 = y0 - t * y2,
      q2 = y2 + t * y0,
      q1 = y1 - t * y3,
      q3 = y3 + t * y1
    re[k | to0] = c0 * p0 - s0 * q0
    im[k | to0] = c0 * q0 + s0 * p0
    re[k | to1] = c1 * p1 - s1 * q1
    im[k | to1] = c1 * q1 + s1 * p1
    re[k | to2] = c2 * p2 - s2 * q2
    im[k | to2] = c2 * q2 + s2 * p2
    re[k | to3] = c3 * p3 - s3 * q3
    im[k | to3] = c3 * q3 + s3 * p3
  }
}
