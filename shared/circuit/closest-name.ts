/** "did you mean 'h'?" or nothing, for a name that nobody declared. */
export function suggestion(name: string, known: Iterable<string>): string {
  let best = ''
  let bestDistance = Math.min(3, Math.floor(name.length / 2) + 1)
  for (const candidate of known) {
    // A long made-up name must not cost the square of its length against every gate.
    if (Math.abs(candidate.length - name.length) >= bestDistance) continue
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase())
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance]
  }
  return best === '' ? '' : `: did you mean '${best}'?`
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const changed = previous[column - 1]! + (a[row - 1] === b[column - 1] ? 0 : 1)
      current.push(Math.min(changed, previous[column]! + 1, current[column - 1]! + 1))
    }
    previous = current
  }
  return previous[b.length]!
}
