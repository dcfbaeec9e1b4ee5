/** Tasks: functions that a worker runs, as steps of a flow. */
import { TaskFuture } from './future.ts'
import { bad, type StepOptions, toPolicy } from './options.ts'
import { register, registry } from './registry.ts'
import { currentFlow } from './runtime.ts'
import { fillTemplate } from './template.ts'

export type TaskOptions = StepOptions & {
  /** Name of one use of the task: `{0}`, `{1}` are its arguments, `{key}` a field of the first. */
  taskRunName?: string
}

export type TaskDefinition = { name: string; fn: (...args: never[]) => unknown; options: TaskOptions }

export type Task<A extends unknown[], R> = {
  readonly name: string
  /** Asks for one use; returns at once. */
  submit(...args: A): TaskFuture<R>
  /** Asks for one use; the same as `submit`, for those who await at once. */
  run(...args: A): TaskFuture<R>
  /** One use an item, at most `concurrency` at a time; results in the order of the items. The first failure rejects. */
  map(items: Iterable<A[0]>, options?: { concurrency?: number }): Promise<R[]>
  /** The same task with other options. */
  with(options: TaskOptions): Task<A, R>
}

/**
 * Defines a task. Define it at the top level of a file: a worker finds it there by its name.
 * The arguments and the result travel between processes, so they must be plain data (Date, Map, Set, BigInt and typed arrays too).
 * @throws QubusError `INVALID_NAME` or `INVALID_OPTION`.
 */
export function task<A extends unknown[], R>(
  name: string,
  fn: (...args: A) => R | Promise<R>,
  options: TaskOptions = {},
): Task<A, Awaited<R>> {
  if (typeof fn !== 'function') bad(`task(${JSON.stringify(name)})`, 'the second argument', fn, 'a function')
  toPolicy(`task(${JSON.stringify(name)})`, options)
  register(registry.tasks, 'task', name, { name, fn: fn as TaskDefinition['fn'], options })
  return handleOf(name, options)
}

function handleOf<A extends unknown[], R>(name: string, options: TaskOptions): Task<A, R> {
  const policy = toPolicy(`task(${JSON.stringify(name)})`, options)
  const submit = (...args: A): TaskFuture<R> =>
    TaskFuture.request<R>(currentFlow(`task ${JSON.stringify(name)}`), {
      kind: 'task',
      name,
      value: args,
      policy,
      ...(options.taskRunName === undefined ? {} : { label: fillTemplate(options.taskRunName, args) }),
    })
  return {
    name,
    submit,
    run: submit,
    map: (items, { concurrency } = {}) =>
      mapWith((item) => submit(...([item] as unknown as A)), [...items], concurrency),
    with: (more) => handleOf(name, { ...options, ...more }),
  }
}

async function mapWith<T, R>(
  submit: (item: T) => Promise<R>,
  items: T[],
  concurrency = Number.POSITIVE_INFINITY,
): Promise<R[]> {
  if (!(concurrency >= 1)) bad('map', 'concurrency', concurrency, 'a number from 1')
  if (concurrency >= items.length) return Promise.all(items.map(submit))
  const results = new Array<R>(items.length)
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < items.length) {
      const at = next++
      results[at] = await submit(items[at] as T)
    }
  }
  await Promise.all(Array.from({ length: Math.floor(concurrency) }, lane))
  return results
}
