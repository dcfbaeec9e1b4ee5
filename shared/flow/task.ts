/** Tasks: functions that a worker runs, as steps of a flow. */
import { TaskFuture } from './future.ts'
import { mapAtOnce, mapWith } from './map.ts'
import { bad, type ResourceOptions, type StepOptions, toPolicy } from './options.ts'
import { register, registry } from './registry.ts'
import { currentFlow, type StepPolicy } from './runtime.ts'
import { fillTemplate } from './template.ts'
import { assertTopLevel } from './top-level.ts'

export type TaskOptions<A extends unknown[] = never[]> = StepOptions &
  ResourceOptions & {
    /** Name of one use of the task: `{0}`, `{1}` are its arguments, `{key}` a field of the first. */
    taskRunName?: string
    /**
     * What it came to is kept, and taken from there when it is asked for again in any run: by the task's code and
     * arguments (`true`), or by the task's name and `key`.
     */
    cache?: boolean | CacheOptions<A>
  }

export type CacheOptions<A extends unknown[] = never[]> = {
  /** Equal keys stand for equal results; default: the arguments, and all code of the bundle. */
  key?: (...args: A) => string | number
  /** How long it is kept; default: for as long as there is room. */
  seconds?: number
}

export type TaskDefinition = { name: string; fn: (...args: never[]) => unknown; options: TaskOptions }

// No call signature on purpose: with one, a parameter that has only a default value would take its type from there.
// biome-ignore lint/complexity/noBannedTypes: see above
type AnyFunction = Function
type ArgumentsOf<F> = F extends (...args: infer A) => unknown ? A : never
type ResultOf<F> = F extends (...args: never[]) => infer R ? Awaited<R> : never

/** The type of the first argument, where no other is required. */
type OnlyArgument<A extends unknown[]> = [] extends A
  ? A[0]
  : A extends [infer First, ...infer Rest]
    ? [] extends Rest
      ? First
      : never
    : never

export type Task<A extends unknown[], R> = {
  readonly name: string
  /** Asks for one use; returns at once. */
  submit(...args: A): TaskFuture<R>
  /** Asks for one use; the same as `submit`, for those who await at once. */
  run(...args: A): TaskFuture<R>
  /**
   * One use an item, at most `concurrency` at a time; results in the order of the items. The first failure rejects, and
   * what has not begun then is left out. For tasks of one argument: of more, map over tuples in a task of its own.
   */
  map(items: Iterable<OnlyArgument<A>>, options?: { concurrency?: number }): Promise<R[]>
  /** The same task with other options. */
  with(options: TaskOptions<A>): Task<A, R>
}

/**
 * Defines a task. Define it at the top level of a file: a worker finds it there by its name.
 * The arguments and the result travel between processes, so they must be plain data (Date, Map, Set, BigInt and typed arrays too).
 * @throws QubusError `INVALID_NAME` or `INVALID_OPTION`, also when it is defined inside a flow or task.
 */
export function task<F extends AnyFunction>(
  name: string,
  fn: F,
  options: TaskOptions<ArgumentsOf<F>> = {},
): Task<ArgumentsOf<F>, ResultOf<F>> {
  const what = `task(${JSON.stringify(name)})`
  if (typeof fn !== 'function') bad(what, 'the second argument', fn, 'a function')
  assertTopLevel(what)
  policyOf(what, options)
  register(registry.tasks, 'task', name, {
    name,
    fn: fn as unknown as TaskDefinition['fn'],
    options: options as TaskOptions,
  })
  return handleOf(name, options)
}

function handleOf<A extends unknown[], R>(name: string, options: TaskOptions<A>): Task<A, R> {
  const what = `task ${JSON.stringify(name)}`
  const policy = policyOf(`task(${JSON.stringify(name)})`, options)
  const { taskRunName, cache } = options
  const keyOf = typeof cache === 'object' ? cache.key : undefined
  const policyFor = (args: A): StepPolicy =>
    keyOf === undefined
      ? policy
      : { ...policy, cache: { ...policy.cache, key: keyFrom(what, keyOf(...args)) } }
  const submit = (...args: A): TaskFuture<R> =>
    TaskFuture.request<R>(currentFlow(what), {
      kind: 'task',
      name,
      value: args,
      policy: policyFor(args),
      ...(taskRunName === undefined ? {} : { label: fillTemplate(taskRunName, args) }),
    })
  // Each use has a name or key of its own: then they are no longer all the same but for their argument.
  const alike = taskRunName === undefined && keyOf === undefined
  return {
    name,
    submit,
    run: submit,
    map(items, { concurrency } = {}) {
      if (concurrency !== undefined && !(concurrency >= 1))
        bad('map', 'concurrency', concurrency, 'a number from 1')
      const flow = currentFlow(what)
      const all = [...items]
      if (alike && flow.map !== undefined)
        return mapAtOnce<R>(
          flow,
          { kind: 'task', name, values: all.map((item) => [item]), policy },
          concurrency,
        )
      return mapWith((item) => submit(...([item] as unknown as A)), all, concurrency)
    },
    with: (more) => handleOf(name, { ...options, ...more }),
  }
}

function policyOf<A extends unknown[]>(what: string, options: TaskOptions<A>): StepPolicy {
  const { cache } = options
  const policy = toPolicy(what, options)
  if (cache === undefined || cache === false) return policy
  const { key, seconds } = cache === true ? ({} as CacheOptions<A>) : cache
  if (key !== undefined && typeof key !== 'function')
    bad(what, 'cache.key', key, 'a function of the arguments')
  if (seconds !== undefined && !(seconds > 0 && Number.isFinite(seconds)))
    bad(what, 'cache.seconds', seconds, 'a number above 0')
  return { ...policy, cache: seconds === undefined ? {} : { seconds } }
}

function keyFrom(what: string, key: string | number): string {
  if (typeof key !== 'string' && typeof key !== 'number')
    bad(what, 'the key of the cache', key, 'a string or number')
  return String(key)
}
