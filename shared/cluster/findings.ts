/** What is wrong with a cluster file, or worth a word: collected with the place where it stands. */
import type { z } from 'zod'
import type { Path, Place } from './place.ts'

export type ClusterProblem = { path: string; line: number; message: string }

export class Findings {
  readonly problems: ClusterProblem[] = []
  readonly warnings: ClusterProblem[] = []
  readonly place: Place

  constructor(place: Place) {
    this.place = place
  }

  problem(path: Path, message: string): void {
    this.problems.push({ ...this.at(path), message })
  }

  /** The file is good all the same. */
  warn(path: Path, message: string): void {
    this.warnings.push({ ...this.at(path), message })
  }

  at(path: Path): { path: string; line: number } {
    return { path: path.map(String).join('.'), line: this.place.line(path) }
  }

  /**
   * What a schema said of a value.
   * @param known keys that may be written. @param instead said where the value is no mapping at all.
   */
  issues(error: z.ZodError, value: unknown, path: Path, known: readonly string[], instead: string): void {
    for (const issue of error.issues) {
      if (issue.code === 'unrecognized_keys') {
        for (const key of issue.keys)
          this.problem([...path, ...issue.path, key], `this key is not known; known are ${known.join(', ')}`)
        continue
      }
      const found = issue.path.reduce<unknown>(
        (at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key],
        value,
      )
      const write = issue.path.length === 0 ? instead : issue.message
      this.problem([...path, ...issue.path], `found ${shown(found)}: ${write}`)
    }
  }
}

export function shown(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value)
}

export function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** `key:` with nothing after it says "not given". */
export function withoutNulls(value: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== null))
}
