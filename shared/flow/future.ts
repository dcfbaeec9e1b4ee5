/** A step that was asked for: a promise of its result that can also be asked and cancelled. */
import type { FlowContext, FutureState, StepHandle, StepRequest } from './runtime.ts'

export class TaskFuture<T> extends Promise<T> {
  // What `then` makes is an ordinary promise.
  static override get [Symbol.species](): PromiseConstructor {
    return Promise
  }

  #flow: FlowContext | undefined
  #handle: StepHandle | undefined

  /** Asks the run for a step. `read` turns the recorded value into what the author sees. */
  static request<T>(flow: FlowContext, request: StepRequest, read?: (value: unknown) => T): TaskFuture<T> {
    const handle = flow.request(request)
    const future = new TaskFuture<T>((resolve, reject) => {
      handle.promise.then(
        read === undefined ? (resolve as (value: unknown) => void) : (value) => resolve(read(value)),
        reject,
      )
    })
    // A failure that nobody looks at is the run's to report, not the process'.
    Promise.prototype.then.call(future, undefined, () => {})
    future.#flow = flow
    future.#handle = handle
    return future
  }

  /** The step's number in its run. */
  get step(): number {
    return this.#handle?.step ?? 0
  }

  /** What the run's log has delivered of it. */
  state(): FutureState {
    return this.#handle?.state() ?? 'queued'
  }

  /** Cancels the step: it ends as `cancelled` unless it has an outcome already. */
  cancel(): void {
    this.#handle?.cancel()
  }

  /** The result: the same promise, for those who like to say it. */
  result(): Promise<T> {
    return this.then((value) => value)
  }

  // biome-ignore lint/suspicious/noThenProperty: it is a promise; looking at it must be noticed.
  override then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    if (this.#handle) this.#flow?.observed(this.#handle.step)
    return super.then(onFulfilled, onRejected)
  }
}
