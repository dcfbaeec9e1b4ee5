/** Does something once for all that comes within a moment: at the end of this turn when idle, a little later when busy. */

// Taken before flow threads replace them.
const nextTurn = setImmediate
const later = setTimeout
const now = performance.now.bind(performance)

const WINDOW_MS = 2
/** More than this within one window is a load: what comes after waits for the window to pass. */
const FEW = 3

/**
 * Returns a function that asks for `run`. A few asks are answered at the end of this turn of the event loop, so that
 * one message is not held up; under load they wait, so that many share one write.
 */
export function gather(run: () => void): () => void {
  let asked = false
  let windowStart = Number.NEGATIVE_INFINITY
  let inWindow = 0
  const go = (): void => {
    asked = false
    run()
  }
  return () => {
    const at = now()
    if (at - windowStart > WINDOW_MS) {
      windowStart = at
      inWindow = 0
    }
    inWindow++
    if (asked) return
    asked = true
    if (inWindow <= FEW) nextTurn(go)
    else later(go, WINDOW_MS)
  }
}
