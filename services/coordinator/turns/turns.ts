/** Whose turn it is: the runs that have something for one queue, one after the other, those of higher priority first. */

/** What a run has for a queue. */
export type Source<T> = {
  /** The next one; undefined when there is none now. */
  next(): T | undefined
  /** How many there are. */
  readonly size: number
}

type InTurn<T> = { run: string; sources: Source<T>[]; head: number }

export class Turns<T> {
  /** By priority, highest first. */
  #levels: { priority: number; ring: InTurn<T>[]; head: number }[] = []
  readonly #runs = new Map<string, InTurn<T>>()

  add(run: string, priority: number, source: Source<T>): void {
    const known = this.#runs.get(run)
    if (known) {
      known.sources.push(source)
      return
    }
    const entry: InTurn<T> = { run, sources: [source], head: 0 }
    this.#runs.set(run, entry)
    this.#level(priority).ring.push(entry)
  }

  /** Takes one from the run whose turn it is. */
  next(): T | undefined {
    for (const level of this.#levels) {
      while (level.head < level.ring.length) {
        const entry = level.ring[level.head++] as InTurn<T>
        if (level.head > 1024) {
          level.ring = level.ring.slice(level.head)
          level.head = 0
        }
        const taken = this.#take(entry)
        if (entry.head < entry.sources.length) level.ring.push(entry)
        else if (this.#runs.get(entry.run) === entry) this.#runs.delete(entry.run)
        if (taken !== undefined) return taken
      }
      level.ring = []
      level.head = 0
    }
    return undefined
  }

  /** Forgets what a run has. */
  drop(run: string): void {
    const entry = this.#runs.get(run)
    if (entry === undefined) return
    entry.sources = []
    entry.head = 0
    this.#runs.delete(run)
  }

  get empty(): boolean {
    return this.#runs.size === 0
  }

  /** How many wait, over all runs. */
  size(): number {
    let size = 0
    for (const { sources, head } of this.#runs.values())
      for (let i = head; i < sources.length; i++) size += sources[i]?.size ?? 0
    return size
  }

  #take(entry: InTurn<T>): T | undefined {
    for (;;) {
      const source = entry.sources[entry.head]
      if (source === undefined) return undefined
      const taken = source.next()
      if (source.size === 0 || taken === undefined) {
        entry.head++
        if (entry.head > 1024) {
          entry.sources = entry.sources.slice(entry.head)
          entry.head = 0
        }
      }
      if (taken !== undefined) return taken
    }
  }

  #level(priority: number): { priority: number; ring: InTurn<T>[]; head: number } {
    const at = this.#levels.findIndex((each) => each.priority <= priority)
    const found = this.#levels[at]
    if (found?.priority === priority) return found
    const level = { priority, ring: [], head: 0 }
    this.#levels.splice(at < 0 ? this.#levels.length : at, 0, level)
    return level
  }
}
