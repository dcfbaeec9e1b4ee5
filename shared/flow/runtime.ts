/**
 * The seam between a flow author's code (this folder, bundled with the flow) and the thread that runs it. The thread
 * installs a runtime under a global symbol before it loads a bundle; both sides may be of different versions, so the
 * seam changes only by addition.
 */
import { QubusError } from '../contract/errors.ts'
import type { Artifact, StepKind } from '../contract/step-record.ts'
import { calledAt } from './author-place.ts'

/** Options of a step, as the author writes them and as the coordinator goes by them. */
export type StepPolicy = {
  /** Pool of the cluster file that runs it; default: the run's pool, else `generic`. */
  pool?: string
  /** How many times a failed attempt is followed by another. */
  retries?: number
  retryDelaySeconds?: number
  /** Factor by which each further delay grows; default 1. */
  retryBackoff?: number
  /** Longest delay, however much it grows. */
  retryMaxDelaySeconds?: number
  /** Stretches each delay by up to this fraction; default 0. */
  retryJitter?: number
  /** An attempt that takes longer is ended and counts as failed. */
  timeoutSeconds?: number
  /** What follows when a worker vanished: run the step again (default), or fail it. */
  onLost?: 'rerun' | 'fail'
  /** What it takes of a worker (default 1 core): `shape` is the token of the queue that it waits in. */
  shape?: string
  /** The attempt is ended when it uses more, in bytes. */
  memoryLimit?: number
  /** In a process of its own, or (default) in one of the worker's threads. */
  isolation?: 'thread' | 'process'
  /** Global concurrency limits that it counts against, in order. */
  limits?: string[]
  /** Of a sub-flow: the flow that was published under its name, not one of this bundle. */
  published?: boolean
  /** What it comes to is kept (for so many seconds), and taken from there: under `key`, or under the code and the value. */
  cache?: { key?: string; seconds?: number }
}

export type StepRequest = {
  kind: StepKind
  name: string
  /** Shown instead of the name. */
  label?: string
  /** What the step is given; it must be encodable. */
  value: unknown
  policy: StepPolicy
  /** Runs in the flow's thread, once; its value is what the log keeps. */
  execute?: () => unknown
}

/** What a flow can know of a step: only what the log has delivered. */
export type FutureState = 'queued' | 'retrying' | 'completed' | 'failed' | 'cancelled'

export type StepHandle = {
  step: number
  promise: Promise<unknown>
  state(): FutureState
  cancel(): void
}

/** Where a step's end is told. */
export type StepSink = { resolve(value: unknown): void; reject(error: unknown): void }

/** Many steps that are asked for at once: one an item, with the same name and policy. */
export type MapRequest = Omit<StepRequest, 'value' | 'execute' | 'label'> & {
  /** The value of each step. */
  values: unknown[]
  /** How many of them may be under way at once. */
  concurrency?: number
}

export type FlowContext = {
  run: string
  request(step: StepRequest): StepHandle
  /** As {@link FlowContext.request}, without a promise of its own: returns the step's number, 0 when it is refused. */
  ask?(step: StepRequest, sink: StepSink): number
  state?(step: number): FutureState
  cancel?(step: number): void
  /** Asks for one step a value; `sink` is told of all results in order, or of the first failure. Returns how to cancel. */
  map?(request: MapRequest, sink: StepSink): { cancel(): void }
  /** Somebody looked at the future of `step`: its failure is not the run's. */
  observed(step: number): void
  now(): number
  random(): number
  uuid(): string
  log(level: 'debug' | 'info' | 'warn' | 'error', text: string, fields?: Record<string, unknown>): void
}

export type TaskContext = {
  run: string
  step: number
  attempt: number
  name: string
  pool: string
  /** The same for every attempt of the step: hand it to an outside service so that it acts once. */
  idempotencyKey: string
  /** Aborted when the step is cancelled or its time is over. */
  signal: AbortSignal
  /** What the step may use of its node. */
  cores?: number
  /** Ids of the GPUs that the step may use. */
  gpus: string[]
  log: FlowContext['log']
  artifact(key: string, type: Artifact['type'], value: unknown): void
}

export type Runtime = {
  flow(): FlowContext | undefined
  task(): TaskContext | undefined
}

const RUNTIME = Symbol.for('qubus.runtime.v1')

export function installRuntime(runtime: Runtime): void {
  ;(globalThis as Record<symbol, unknown>)[RUNTIME] = runtime
}

export function currentRuntime(): Runtime | undefined {
  return (globalThis as Record<symbol, unknown>)[RUNTIME] as Runtime | undefined
}

/** The flow that is calling. @throws QubusError when `what` is used outside of a flow. */
export function currentFlow(what: string): FlowContext {
  const flow = currentRuntime()?.flow()
  if (flow) return flow
  const where = currentRuntime()?.task() ? 'inside a task' : 'outside of a flow'
  throw new QubusError(
    'INVALID_OPTION',
    `${what} was called ${where}${calledAt()}: call it in the function of a flow(…)`,
  )
}
