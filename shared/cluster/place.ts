/** Where in a cluster file something stands, and how it is written there. */
import { type Document, isAlias, isMap, isScalar, isSeq, type LineCounter, type Node, type Pair } from 'yaml'

export type Path = readonly PropertyKey[]

export class Place {
  readonly #document: Document
  readonly #counter: LineCounter

  constructor(document: Document, counter: LineCounter) {
    this.#document = document
    this.#counter = counter
  }

  /** The line of a path of keys; of the nearest parent for one that is not in the text. */
  line(path: Path): number {
    for (let length = path.length; length > 0; length--) {
      const parent = this.#node(path.slice(0, length - 1))
      const offset = parent === undefined ? undefined : this.#offset(parent, path[length - 1])
      if (offset !== undefined) return this.#counter.linePos(offset).line
    }
    return 1
  }

  /**
   * A value as it stands in the text: `0123`, `24:00:00` and `1e3` are numbers to YAML, or to an older YAML, and
   * something else to those who wrote them.
   */
  text(path: Path): string | undefined {
    const node = this.#node(path)
    if (!isScalar(node)) return undefined
    return typeof node.value === 'string' ? node.value : node.source
  }

  #node(path: Path): Node | undefined {
    let node = this.#resolve(this.#document.contents)
    for (const key of path) {
      if (isMap(node)) node = this.#resolve(this.#pair(node, key)?.value)
      else if (isSeq(node)) node = this.#resolve(node.items[Number(key)])
      else return undefined
    }
    return node
  }

  #offset(parent: Node, key: PropertyKey | undefined): number | undefined {
    if (key === undefined) return undefined
    if (isSeq(parent)) return (parent.items[Number(key)] as Node | undefined)?.range?.[0]
    if (!isMap(parent)) return undefined
    const pair = this.#pair(parent, key)
    return isScalar(pair?.key) ? pair.key.range?.[0] : undefined
  }

  // A key of its own comes before one that is merged in with `<<`.
  #pair(map: Node, key: PropertyKey): Pair | undefined {
    if (!isMap(map)) return undefined
    const own = map.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key))
    if (own !== undefined) return own
    for (const item of map.items) {
      if (!isScalar(item.key) || item.key.source !== '<<') continue
      const merged = this.#resolve(item.value)
      for (const each of isSeq(merged) ? merged.items : [merged]) {
        const from = this.#resolve(each)
        const pair = from === undefined ? undefined : this.#pair(from, key)
        if (pair !== undefined) return pair
      }
    }
    return undefined
  }

  #resolve(node: unknown): Node | undefined {
    if (isAlias(node)) return this.#resolve(node.resolve(this.#document))
    return isMap(node) || isSeq(node) || isScalar(node) ? node : undefined
  }
}
