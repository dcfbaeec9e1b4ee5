/** A flow without code: its steps, what each waits for, and what they are given. */
import type { ResourceOptions, StepOptions } from '../flow/options.ts'

export type StepOptionsOfGraph = StepOptions & ResourceOptions

/** Values may hold references (`reference.ts`), which are replaced when the step begins. */
export type GraphStep = {
  name: string
  /** Names of the steps that must have completed: those written under `after`, and those that it refers to. */
  after: string[]
  options: StepOptionsOfGraph
} & (
  | {
      kind: 'program'
      file: unknown
      args: unknown[]
      cwd?: unknown
      env?: Record<string, unknown>
      input?: unknown
    }
  | { kind: 'circuit'; source: unknown; shots?: unknown; seed?: unknown; method?: unknown; device?: unknown }
  | { kind: 'flow'; flow: string; params: unknown }
  | { kind: 'sleep'; seconds: unknown }
)

export type Graph = {
  name: string
  /** Values of the graph's parameters: those that were given, defaults for the others. */
  params: Record<string, unknown>
  /** No step comes before one that it waits for; else in the order of the document. */
  steps: GraphStep[]
  /** What the run comes to; undefined: the results of all steps, by name. */
  outputs?: unknown
}

/** `path`: such as `steps.fit.args[0]`. `line`: from 1, where the document is text. */
export type GraphProblem = { path: string; line?: number; message: string }

/** A place in a document: keys of objects, indices of lists. */
export type DocumentPath = readonly (string | number)[]

export function showPath(path: DocumentPath): string {
  return path
    .map((key, i) =>
      typeof key === 'number'
        ? `[${key}]`
        : /^[A-Za-z_][A-Za-z0-9_-]*$/.test(key)
          ? i === 0
            ? key
            : `.${key}`
          : `[${JSON.stringify(key)}]`,
    )
    .join('')
}
