/**
 * Milliseconds by a clock that nobody sets: the same for all threads and processes of a host, and of no meaning
 * elsewhere. What takes longer than it may is told by it: a host's time of day may jump.
 */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1_000_000n)
}
