/** 2 × 2 and 4 × 4 complex matrices, row by row, real part then imaginary part. */
export type Matrix = Float64Array

/** Entries below this are rounding: cos(π/2) is 6e-17. */
export const EPSILON = 1e-14

export const IDENTITY_2: Matrix = Float64Array.of(1, 0, 0, 0, 0, 0, 1, 0)
export const IDENTITY_4: Matrix = kron(IDENTITY_2, IDENTITY_2)

/** left · right: `right` acts first. */
export function multiply(left: Matrix, right: Matrix): Matrix {
  const n = left.length === 8 ? 2 : 4
  const product = new Float64Array(left.length)
  for (let row = 0; row < n; row++) {
    for (let inner = 0; inner < n; inner++) {
      const a = left[(row * n + inner) * 2]!
      const b = left[(row * n + inner) * 2 + 1]!
      if (a === 0 && b === 0) continue
      for (let column = 0; column < n; column++) {
        const at = (row * n + column) * 2
        const c = right[(inner * n + column) * 2]!
        const d = right[(inner * n + column) * 2 + 1]!
        product[at] = product[at]! + a * c - b * d
        product[at + 1] = product[at + 1]! + a * d + b * c
      }
    }
  }
  return product
}

/** `high` on the qubit that is the high bit of the index, `low` on the other. */
export function kron(high: Matrix, low: Matrix): Matrix {
  const product = new Float64Array(32)
  for (let row = 0; row < 4; row++) {
    for (let column = 0; column < 4; column++) {
      const h = ((row >> 1) * 2 + (column >> 1)) * 2
      const l = ((row & 1) * 2 + (column & 1)) * 2
      const at = (row * 4 + column) * 2
      product[at] = high[h]! * low[l]! - high[h + 1]! * low[l + 1]!
      product[at + 1] = high[h]! * low[l + 1]! + high[h + 1]! * low[l]!
    }
  }
  return product
}

/** The gate on the low qubit where the high one is set. */
export function controlledBy(base: Matrix): Matrix {
  const matrix = IDENTITY_4.slice()
  matrix.set(base.subarray(0, 4), 20)
  matrix.set(base.subarray(4, 8), 28)
  return matrix
}

/** The same gate with its two qubits named the other way round. */
export function exchangeQubits(matrix: Matrix): Matrix {
  const order = [0, 2, 1, 3]
  const exchanged = new Float64Array(32)
  for (let row = 0; row < 4; row++) {
    for (let column = 0; column < 4; column++) {
      const from = (order[row]! * 4 + order[column]!) * 2
      exchanged[(row * 4 + column) * 2] = matrix[from]!
      exchanged[(row * 4 + column) * 2 + 1] = matrix[from + 1]!
    }
  }
  return exchanged
}

export function isZero(matrix: Matrix, entry: number): boolean {
  return Math.abs(matrix[entry * 2]!) < EPSILON && Math.abs(matrix[entry * 2 + 1]!) < EPSILON
}

export function isDiagonal(matrix: Matrix): boolean {
  const n = matrix.length === 8 ? 2 : 4
  for (let entry = 0; entry < n * n; entry++) {
    if (entry % (n + 1) !== 0 && !isZero(matrix, entry)) return false
  }
  return true
}

/** For each column the one row that is not zero; undefined when some column has more than one. */
export function permutationOf(matrix: Matrix): number[] | undefined {
  const n = matrix.length === 8 ? 2 : 4
  const rows: number[] = []
  for (let column = 0; column < n; column++) {
    let found = -1
    for (let row = 0; row < n; row++) {
      if (isZero(matrix, row * n + column)) continue
      if (found !== -1) return undefined
      found = row
    }
    rows.push(found)
  }
  return rows
}
