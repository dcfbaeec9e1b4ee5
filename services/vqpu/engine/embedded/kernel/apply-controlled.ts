/** A one-qubit gate under any number of controls: only amplitudes whose control bits are all set are touched. */
export type ControlledStep = { kind: 'controlled'; controls: number; target: number; matrix: Float64Array }
/** Two qubits exchanged under controls. A controlled X is the same exchange between other amplitudes. */
export type ExchangeStep = { kind: 'exchange'; controls: number; from: number; to: number }
/** One factor for the amplitudes that have all bits of `mask` set. */
export type PhaseStep = { kind: 'phase'; mask: number; re: number; im: number }

export function applyControlled(
  re: Float64Array,
  im: Float64Array,
  size: number,
  step: ControlledStep,
): void {
  const { controls, target, matrix: m } = step
  const a00 = m[0]!,
    b00 = m[1]!,
    a01 = m[2]!,
    b01 = m[3]!,
    a10 = m[4]!,
    b10 = m[5]!,
    a11 = m[6]!,
    b11 = m[7]!
  const fixed = controls | target
  for (let free = 0; free < size; free = ((free | fixed) + 1) & ~fixed) {
    const k = free | controls
    const k1 = k | target
    const r0 = re[k]!,
      i0 = im[k]!,
      r1 = re[k1]!,
      i1 = im[k1]!
    re[k] = a00 * r0 - b00 * i0 + a01 * r1 - b01 * i1
    im[k] = a00 * i0 + b00 * r0 + a01 * i1 + b01 * r1
    re[k1] = a10 * r0 - b10 * i0 + a11 * r1 - b11 * i1
    im[k1] = a10 * i0 + b10 * r0 + a11 * i1 + b11 * r1
  }
}

/** Exchanges the amplitudes that have `from` set and `to` not with those the other way round. `from` may be 0. */
export function applyExchange(re: Float64Array, im: Float64Array, size: number, step: ExchangeStep): void {
  const { controls, from, to } = step
  const fixed = controls | from | to
  for (let free = 0; free < size; free = ((free | fixed) + 1) & ~fixed) {
    const k = free | controls | from
    const k1 = free | controls | to
    const r = re[k]!,
      i = im[k]!
    re[k] = re[k1]!
    im[k] = im[k1]!
    re[k1] = r
    im[k1] = i
  }
}

export function applyPhase(re: Float64Array, im: Float64Array, size: number, step: PhaseStep): void {
  const { mask, re: c, im: s } = step
  for (let free = 0; free < size; free = ((free | mask) + 1) & ~mask) {
    const k = free | mask
    const r = re[k]!,
      i = im[k]!
    re[k] = c * r - s * i
    im[k] = c * i + s * r
  }
}
