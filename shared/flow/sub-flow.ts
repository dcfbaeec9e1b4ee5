/** Flows of other files, by the name that they were published under. */
import type { Flow, SubFlowOptions } from './flow.ts'
import { TaskFuture } from './future.ts'
import { bad, toPolicy } from './options.ts'
import { currentFlow } from './runtime.ts'

export type SubFlow<P, R> = {
  readonly name: string
  /** Runs it as a sub-flow of the calling flow: a run of its own, whose result is this step's. */
  run(params: P, options?: SubFlowOptions): TaskFuture<R>
  /** The same as `run`. */
  submit(params: P, options?: SubFlowOptions): TaskFuture<R>
}

/** `F`: the type of the flow, or of its parameters. */
type NamedFlow<F, R> = [F] extends [Flow<infer P, infer Q>] ? SubFlow<P, Q> : SubFlow<F, R>

/**
 * The flow that was published under `name` (`qubus publish FILE`), or a built-in one. Which version that is, is settled
 * when its run begins. Its types are not known here: write them, `subFlow<{ n: number }, number>('sum')`, or take them
 * from its file, `subFlow<typeof sum>('sum')` with `import type { sum } from './sum.ts'`. A name under which nothing is
 * published fails the step with `UNKNOWN_FLOW`.
 * @throws QubusError `INVALID_OPTION`.
 */
export function subFlow<F = unknown, R = unknown>(name: string): NamedFlow<F, R>
export function subFlow(name: string): SubFlow<unknown, unknown> {
  if (typeof name !== 'string' || name.trim() === '' || name.length > 200)
    bad('subFlow', 'the name', name, 'a name of 1 to 200 characters')
  const what = `subFlow(${JSON.stringify(name)})`
  const run = (params: unknown, options: SubFlowOptions = {}): TaskFuture<unknown> =>
    TaskFuture.request(currentFlow(what), {
      kind: 'flow',
      name,
      value: params,
      policy: { ...toPolicy(what, options), published: true },
    })
  return { name, run, submit: run }
}
