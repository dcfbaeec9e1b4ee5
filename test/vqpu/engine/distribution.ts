/** Are these counts a fair sample of that distribution? The rule of the reference circuits' README. */
import assert from 'node:assert/strict'

export function assertSampledFrom(
  counts: Record<string, number>,
  probabilities: ReadonlyMap<string, number>,
  what = '',
): void {
  const shots = Object.values(counts).reduce((sum, count) => sum + count, 0)
  let distance = 0
  let expected = 0
  for (const key of new Set([...Object.keys(counts), ...probabilities.keys()])) {
    const probability = Math.min(1, probabilities.get(key) ?? 0)
    distance += Math.abs((counts[key] ?? 0) / shots - probability) / 2
    expected += Math.sqrt((2 * probability * (1 - probability)) / (Math.PI * shots)) / 2
  }
  assert.ok(
    distance < 2.5 * expected + 0.015,
    `${what} distance ${distance.toFixed(4)}, allowed ${(2.5 * expected + 0.015).toFixed(4)}`,
  )
}
