/** Flows: ordinary async functions whose steps are durable. */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { TaskFuture } from './future.ts'
import { bad, type StepOptions, toPolicy } from './options.ts'
import { register, registry } from './registry.ts'
import { currentFlow } from './runtime.ts'
import { assertTopLevel } from './top-level.ts'

export type FlowOptions<S extends StandardSchemaV1 = StandardSchemaV1> = {
  /** Any Standard Schema (zod, valibot, …): parameters are checked before any work starts. */
  input?: S
  /** How many times a run that failed is tried again: what completed is not done again. */
  retries?: number
  retryDelaySeconds?: number
  /** A run that takes longer ends as failed. */
  timeoutSeconds?: number
  /** Name of a run: `tutorial-{n}` takes the parameter `n`. */
  runName?: string
}

export type FlowDefinition = { name: string; fn: (params: never) => unknown; options: FlowOptions }

export type Flow<P, R> = {
  readonly name: string
  readonly definition: FlowDefinition
  /** Runs it as a sub-flow of the calling flow: a run of its own, whose result is this step's. */
  run(params: P, options?: SubFlowOptions): TaskFuture<R>
  /** The same as `run`. */
  submit(params: P, options?: SubFlowOptions): TaskFuture<R>
}

export type SubFlowOptions = Pick<StepOptions, 'limit'> & {
  /** Default pool of its steps. */
  pool?: string
}

/**
 * Defines a flow. What the function sees comes only from the run's log, so that a coordinator that dies is replaced
 * by one that runs the function again and comes to the same place.
 * @throws QubusError `INVALID_NAME` or `INVALID_OPTION`.
 */
export function flow<P, R>(name: string, fn: (params: P) => R | Promise<R>): Flow<P, Awaited<R>>
export function flow<S extends StandardSchemaV1, R>(
  name: string,
  options: FlowOptions<S> & { input: S },
  fn: (params: StandardSchemaV1.InferOutput<S>) => R | Promise<R>,
): Flow<StandardSchemaV1.InferInput<S>, Awaited<R>>
export function flow<P, R>(
  name: string,
  options: FlowOptions & { input?: never },
  fn: (params: P) => R | Promise<R>,
): Flow<P, Awaited<R>>
export function flow(name: string, first: unknown, second?: unknown): Flow<never, unknown> {
  const fn = (second ?? first) as FlowDefinition['fn']
  const options = (second === undefined ? {} : first) as FlowOptions
  const what = `flow(${JSON.stringify(name)})`
  if (typeof fn !== 'function') bad(what, 'the last argument', fn, 'a function')
  if (options.input !== undefined && !('~standard' in Object(options.input)))
    bad(what, 'input', options.input, 'a Standard Schema such as z.object({…})')
  const { retries, retryDelaySeconds, timeoutSeconds } = options
  toPolicy(what, present({ retries, retryDelaySeconds, timeoutSeconds }))
  assertTopLevel(what)
  const definition: FlowDefinition = { name, fn, options }
  register(registry.flows, 'flow', name, definition)
  const run = (params: unknown, { pool, limit }: SubFlowOptions = {}): TaskFuture<unknown> =>
    TaskFuture.request(currentFlow(`flow ${JSON.stringify(name)}`), {
      kind: 'flow',
      name,
      value: params,
      policy: toPolicy(what, present({ pool, limit })),
    })
  return { name, definition, run, submit: run } as Flow<never, unknown>
}

function present<T extends object>(options: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never
}
