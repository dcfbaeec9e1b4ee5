/** Tasks that wait for room, by shape: each shape in order, and the shapes in turn. */
import type { Shape } from '#shared/contract/shape.ts'
import { type HeldTask, kindOf } from './held-task.ts'
import { shapeOfQueue } from './resources/resources.ts'

type Line = { shape: Shape; tasks: HeldTask[]; head: number; since: number }

export type NextTurn = {
  shape: Shape
  /** The one whose turn it is, and those behind it. */
  tasks: HeldTask[]
  /** Takes those that follow it directly and are of that kind, at most so many. */
  take(kind: string, most: number): HeldTask[]
}

export class ShapeTurns {
  readonly #lines = new Map<string, Line>()
  #order: string[] = []

  add(task: HeldTask): void {
    this.#line(task.shape).tasks.push(task)
  }

  /** Those that began and have to begin anew go first. */
  addAgain(tasks: readonly HeldTask[]): void {
    for (const task of tasks.toReversed()) {
      const line = this.#line(task.shape)
      line.tasks = [task, ...line.tasks.slice(line.head)]
      line.head = 0
    }
  }

  /** Takes the next one of the shape whose turn it is among those that there is room for. */
  next(fits: (shape: Shape) => boolean): NextTurn | undefined {
    for (const token of this.#order) {
      const line = this.#lines.get(token) as Line
      this.#skip(line)
      if (line.head >= line.tasks.length || !fits(line.shape)) continue
      this.#order = [...this.#order.filter((each) => each !== token), token]
      const tasks = line.tasks
      const at = line.head++
      line.since = performance.now()
      return {
        shape: line.shape,
        tasks: at === 0 ? tasks : tasks.slice(at),
        take: (kind, most) => this.#takeMore(line, kind, most),
      }
    }
    return undefined
  }

  /** The shape that has waited longest without a turn, if since before that time (of `performance.now`). */
  longestWaiting(before: number): Shape | undefined {
    let longest: Line | undefined
    for (const line of this.#lines.values()) {
      this.#skip(line)
      if (line.head >= line.tasks.length || line.since > before) continue
      if (longest === undefined || line.since < longest.since) longest = line
    }
    return longest?.shape
  }

  #takeMore(line: Line, kind: string, most: number): HeldTask[] {
    const taken: HeldTask[] = []
    while (taken.length < most) {
      this.#skip(line)
      const next = line.tasks[line.head]
      if (next === undefined || kindOf(next) !== kind) break
      taken.push(next)
      line.head++
    }
    this.#trim(line)
    return taken
  }

  // What was cancelled or handed back meanwhile is no longer queued.
  #skip(line: Line): void {
    while (line.head < line.tasks.length && line.tasks[line.head]?.state !== 'queued') line.head++
    this.#trim(line)
  }

  #trim(line: Line): void {
    if (line.head < 512 && line.head < line.tasks.length) return
    line.tasks = line.tasks.slice(line.head)
    line.head = 0
  }

  #line(token: string): Line {
    let line = this.#lines.get(token)
    if (line === undefined) {
      line = { shape: shapeOfQueue(token), tasks: [], head: 0, since: performance.now() }
      this.#lines.set(token, line)
      this.#order.push(token)
    }
    if (line.head >= line.tasks.length) line.since = performance.now()
    return line
  }
}
