/** Steps that stand and fall together: when one fails, the others are cancelled, and nobody goes on before all have ended. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { CancelledError } from '../contract/errors.ts'
import { bad } from './options.ts'
import { currentFlow, type FlowContext, type StepSink } from './runtime.ts'

const current = new AsyncLocalStorage<Group>()

/**
 * Runs `fn`; every step that it asks for, however deep in its calls, belongs to the group. Resolves with what `fn`
 * returned once all of them have ended. When one fails, or `fn` throws, the rest is cancelled, further steps are refused
 * with `CancelledError`, and the first error is thrown after all have ended. A step that is cancelled by `.cancel()` has
 * not failed. Groups may be nested.
 * @throws the first error.
 */
export async function group<T>(fn: () => T | Promise<T>): Promise<T> {
  if (typeof fn !== 'function') bad('group', 'its argument', fn, 'a function')
  currentFlow('group')
  const outer = current.getStore()
  const inner = new Group()
  // To the outer group this one is a single member.
  const member: Member = { cancel: () => inner.fail(new CancelledError('the group around it failed')) }
  outer?.add(member)
  try {
    const value = await current.run(inner, async () => fn())
    await inner.settled()
    if (inner.failed) throw inner.failed.error
    return value
  } catch (error) {
    inner.fail(error)
    await inner.settled()
    throw inner.failed?.error ?? error
  } finally {
    outer?.remove(member)
  }
}

/** The group that the calling code is in. */
export function groupOf(_flow: FlowContext): Group | undefined {
  return current.getStore()
}

type Member = { cancel(): void }

export class Group {
  readonly #members = new Set<Member>()
  #waiting: (() => void)[] = []
  failed: { error: unknown } | undefined

  add(member: Member): void {
    this.#members.add(member)
  }

  remove(member: Member): void {
    this.#members.delete(member)
    if (this.#members.size > 0) return
    for (const done of this.#waiting.splice(0)) done()
  }

  /** Makes a step one of the group: the sink that it is to be told through. */
  join(sink: StepSink, cancel: () => void): StepSink {
    const member: Member = { cancel }
    this.add(member)
    return {
      resolve: (value) => {
        sink.resolve(value)
        this.remove(member)
      },
      reject: (error) => {
        sink.reject(error)
        this.#members.delete(member)
        if ((error as { code?: unknown } | undefined)?.code !== 'CANCELLED') this.fail(error)
        this.remove(member)
      },
    }
  }

  fail(error: unknown): void {
    if (this.failed) return
    this.failed = { error }
    for (const member of [...this.#members]) member.cancel()
  }

  /** Resolves when no member is under way. */
  settled(): Promise<void> {
    if (this.#members.size === 0) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push(resolve))
  }
}
