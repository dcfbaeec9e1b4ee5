/** What a worker and the hosts of its tasks (threads and processes) say to each other. */
import type { Failure } from '#shared/contract/failure.ts'
import type { LogLine } from '#shared/contract/log-lines.ts'
import type { Artifact } from '#shared/contract/step-record.ts'

/** `number` names the task within its host. */
export type TaskOrder = {
  number: number
  file: string
  name: string
  args: Uint8Array
  run: string
  step: number
  attempt: number
  pool: string
  cores: number
  gpus: readonly string[]
  /** Added to the environment while it runs. */
  env?: Readonly<Record<string, string>> | undefined
}

export type ToHost = { type: 'run'; tasks: TaskOrder[] } | { type: 'end'; number: number; message: string }

export type TaskDone = {
  type: 'done'
  number: number
  startedAt: number
  endedAt: number
  /** In the host, in milliseconds. */
  ms: number
  result?: Uint8Array | undefined
  error?: Failure | undefined
  artifacts?: { key: string; type: Artifact['type']; value: Uint8Array }[] | undefined
}

export type FromHost =
  | TaskDone
  | { type: 'log'; number: number; lines: LogLine[] }
  /** What was run here has left so much behind that a new host is better. */
  | { type: 'worn' }

/** Shared with a thread: which task runs, and since when (monotonic). */
export const CURRENT = { number: 0, since: 1, length: 2 } as const

/** A process says the same in messages of its own, ahead of those of its tasks. */
export type Begun = { number: number; since: number }
