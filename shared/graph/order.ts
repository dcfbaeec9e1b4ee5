/** The order in which steps can begin, or why there is none. Pure. */

export type Ordered = { order: string[]; circles: undefined } | { order: undefined; circles: string[][] }

/**
 * @param after for each name, the names that come before it; all of them are keys.
 * @returns an order that keeps to the order of the keys where it may; or one circle for each knot, as `a, b, a`.
 */
export function orderOf(after: ReadonlyMap<string, readonly string[]>): Ordered {
  const order: string[] = []
  const circles: string[][] = []
  const state = new Map<string, 'open' | 'done'>()
  for (const name of after.keys()) visit(name)
  return circles.length > 0 ? { order: undefined, circles } : { order, circles: undefined }

  // Without recursion: a chain may be as long as the document.
  function visit(start: string): void {
    const way: { name: string; next: number }[] = []
    const enter = (name: string): void => {
      state.set(name, 'open')
      way.push({ name, next: 0 })
    }
    if (!state.has(start)) enter(start)
    for (let top = way.at(-1); top !== undefined; top = way.at(-1)) {
      const before = after.get(top.name)?.[top.next++]
      if (before === undefined) {
        state.set(top.name, 'done')
        order.push(top.name)
        way.pop()
      } else if (!state.has(before)) enter(before)
      else if (state.get(before) === 'open') {
        const from = way.findIndex(({ name }) => name === before)
        circles.push([...way.slice(from).map(({ name }) => name), before])
      }
    }
  }
}
