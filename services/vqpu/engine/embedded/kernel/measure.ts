/** How likely the qubit is found set, given amplitudes whose squares sum to 1. */
export function probabilityOfOne(re: Float64Array, im: Float64Array, size: number, mask: number): number {
  let sum = 0
  for (let free = 0; free < size; free = ((free | mask) + 1) & ~mask) {
    const k = free | mask
    const r = re[k]!,
      i = im[k]!
    sum += r * r + i * i
  }
  return sum
}

/** Leaves only the amplitudes that agree with the outcome, at length 1 again. `probability` is that of the outcome. */
export function collapse(
  re: Float64Array,
  im: Float64Array,
  size: number,
  mask: number,
  outcome: 0 | 1,
  probability: number,
): void {
  const scale = 1 / Math.sqrt(probability)
  const kept = outcome === 1 ? mask : 0
  for (let free = 0; free < size; free = ((free | mask) + 1) & ~mask) {
    const keep = free | kept
    const drop = keep ^ mask
    re[keep] = re[keep]! * scale
    im[keep] = im[keep]! * scale
    re[drop] = 0
    im[drop] = 0
  }
}
