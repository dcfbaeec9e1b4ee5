/** Flows: ordinary async functions whose steps are durable. */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { TaskFuture } from './future.ts'
import { bad, toPolicy } from './options.ts'
import { register, registry } from './registry.ts'
import { currentFlow } from './runtime.ts'

export type FlowOptions<S extends StandardSchemaV1 = StandardSchemaV1> = {
  /** Any Standard Schema (zod, valibot, …): parameters are checked before any work starts. */
  input?: S
  /** How many times a sub-flow that failed is followed by another attempt. */
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
  run(params: P, options?: { pool?: string }): TaskFuture<R>
  /** The same as `run`. */
  submit(params: P, options?: { pool?: string }): TaskFuture<R>
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
  const policy = toPolicy(what, {
    retries: options.retries,
    retryDelaySeconds: options.retryDelaySeconds,
    timeoutSeconds: options.timeoutSeconds,
  } as never)
  const definition: FlowDefinition = { name, fn, options }
  register(registry.flows, 'flow', name, definition)
  const run = (params: unknown, { pool }: { pool?: string } = {}): TaskFuture<unknown> => {
    const { retries, retryDelaySeconds } = policy
    return TaskFuture.request(currentFlow(`flow ${JSON.stringify(name)}`), {
      kind: 'flow',
      name,
      value: params,
      policy: toPolicy(what, {
        ...(pool === undefined ? {} : { pool }),
        ...(retries === undefined ? {} : { retries }),
        ...(retryDelaySeconds === undefined ? {} : { retryDelaySeconds }),
      }),
    })
  }
  return { name, definition, run, submit: run } as Flow<never, unknown>
}
