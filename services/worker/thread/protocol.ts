/** What a worker and its task threads say to each other. */
import type { Failure } from '#shared/contract/failure.ts'
import type { LogLine } from '#shared/contract/log-lines.ts'
import type { Artifact } from '#shared/contract/step-record.ts'

/** `number` names the task within this thread: it stands in the shared memory while it runs. */
export type TaskOrder = {
  number: number
  file: string
  name: string
  args: Uint8Array
  run: string
  step: number
  attempt: number
  pool: string
}

export type ToTaskThread =
  | { type: 'run'; tasks: TaskOrder[] }
  | { type: 'end'; number: number; message: string }

export type TaskDone = {
  type: 'done'
  number: number
  startedAt: number
  endedAt: number
  /** In the thread, in milliseconds. */
  ms: number
  result?: Uint8Array | undefined
  error?: Failure | undefined
  artifacts?: { key: string; type: Artifact['type']; value: Uint8Array }[] | undefined
}

export type FromTaskThread = TaskDone | { type: 'log'; number: number; lines: LogLine[] }

/** Shared with the worker: which task runs, and since when (Unix milliseconds). */
export const CURRENT = { number: 0, startedAt: 1, length: 2 } as const
