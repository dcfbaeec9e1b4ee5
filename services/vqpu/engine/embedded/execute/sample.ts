import type { Random } from '../random.ts'
import type { State } from './state.ts'

/** More are drawn in several rounds: the thresholds of a round stand in memory. */
const ROUND = 2 ** 20

/**
 * Draws `shots` outcomes from the squares of the amplitudes and calls `seen` for each different one of a round. The
 * thresholds come in rising order (gaps between events of a Poisson process), so one walk over the state serves them all.
 */
export function sample(
  state: State,
  shots: number,
  random: Random,
  seen: (index: number, count: number) => void,
): void {
  for (let left = shots; left > 0; left -= ROUND)
    walk(state, risingThresholds(Math.min(left, ROUND), random), seen)
}

function risingThresholds(count: number, random: Random): Float64Array {
  const thresholds = new Float64Array(count)
  let sum = 0
  for (let at = 0; at < count; at++) {
    sum -= Math.log(1 - random.uniform())
    thresholds[at] = sum
  }
  const scale = 1 / (sum - Math.log(1 - random.uniform()))
  for (let at = 0; at < count; at++) thresholds[at]! *= scale
  return thresholds
}

function walk(
  { re, im, size }: State,
  thresholds: Float64Array,
  seen: (index: number, count: number) => void,
): void {
  let sum = 0
  let next = 0
  let lastPossible = 0
  for (let index = 0; index < size && next < thresholds.length; index++) {
    const r = re[index]!,
      i = im[index]!
    const probability = r * r + i * i
    // What the rounding of many gates leaves where a 0 belongs is no outcome.
    if (probability < 1e-24) continue
    sum += probability
    lastPossible = index
    const first = next
    while (next < thresholds.length && thresholds[next]! < sum) next++
    if (next > first) seen(index, next - first)
  }
  // The squares sum to 1 only within rounding: a threshold above their sum belongs to the last of them.
  if (next < thresholds.length) seen(lastPossible, thresholds.length - next)
}
