/** Does something once for all that comes within a moment: at the end of this turn when idle, a little later when busy. */

// Taken before flow threads replace them.
const nextTurn = setImmediate
const later = setTimeout
const now = performance.now.bind(performance)

const BUSY_MS = 2

/**
 * Returns a function that asks for `run`. When the last run was long enough ago it comes at the end of this turn of the
 * event loop, so one message is not held up; under load it waits, so that many share one write.
 */
export function gather(run: () => void): () => void {
  let asked = false
  let last = Number.NEGATIVE_INFINITY
  const go = (): void => {
    asked = false
    last = now()
    run()
  }
  return () => {
    if (asked) return
    asked = true
    if (now() - last >= BUSY_MS) nextTurn(go)
    else later(go, BUSY_MS)
  }
}
