/** A step that was asked for: a promise of its result that can also be asked and cancelled. */
import { CancelledError } from '../contract/errors.ts'
import { groupOf } from './group.ts'
import type { FlowContext, FutureState, StepRequest, StepSink } from './runtime.ts'

type Ways = { state(): FutureState; cancel(): void }

/** It is Qubus itself that looks. */
let hushing = false

export class TaskFuture<T> extends Promise<T> {
  // What `then` makes is an ordinary promise.
  static override get [Symbol.species](): PromiseConstructor {
    return Promise
  }

  // A promise whose `constructor` is Promise is taken as it is by `await`, `Promise.all` and their like; any other is
  // wrapped in three more, and a flow may hold a hundred thousand. Such code asks for it before it looks at the promise.
  static {
    Object.defineProperty(TaskFuture.prototype, 'constructor', {
      configurable: true,
      get(this: object): PromiseConstructor {
        if (#step in this && !hushing) (this as TaskFuture<unknown>).#looked()
        return Promise
      },
    })
  }

  #flow: FlowContext | undefined
  /** Of a runtime that gives each step a handle. */
  #ways: Ways | undefined
  #step = 0

  /** Asks the run for a step. `read` turns the recorded value into what the author sees. */
  static request<T>(flow: FlowContext, request: StepRequest, read?: (value: unknown) => T): TaskFuture<T> {
    let settle: ((value: T) => void) | undefined
    let fail: ((error: unknown) => void) | undefined
    const future = new TaskFuture<T>((resolve, reject) => {
      settle = resolve
      fail = reject
    })
    future.#ask(
      flow,
      request,
      new FutureSink(future, settle as typeof settle & {}, fail as typeof fail & {}, read),
    )
    return future
  }

  /** The step's number in its run. */
  get step(): number {
    return this.#step
  }

  /** What the run's log has delivered of it. */
  state(): FutureState {
    if (this.#step === 0) return 'cancelled'
    return this.#ways?.state() ?? this.#flow?.state?.(this.#step) ?? 'queued'
  }

  /** Cancels the step: it ends as `cancelled` unless it has an outcome already. */
  cancel(): void {
    if (this.#step === 0) return
    if (this.#ways) this.#ways.cancel()
    else this.#flow?.cancel?.(this.#step)
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
    this.#looked()
    return super.then(onFulfilled, onRejected)
  }

  #looked(): void {
    if (this.#step > 0) this.#flow?.observed(this.#step)
  }

  #ask(flow: FlowContext, request: StepRequest, own: StepSink): void {
    this.#flow = flow
    const group = groupOf(flow)
    if (group?.failed) return own.reject(new CancelledError('another step of its group failed'))
    const sink = group?.join(own, () => this.cancel()) ?? own
    if (flow.ask !== undefined) this.#step = flow.ask(request, sink)
    else {
      const handle = flow.request(request)
      this.#ways = handle
      this.#step = handle.step
      handle.promise.then(
        (value) => sink.resolve(value),
        (error: unknown) => sink.reject(error),
      )
    }
    // Whoever awaits the group sees it.
    if (group && this.#step > 0) flow.observed(this.#step)
  }
}

/** Where a future is told of its step's end. There is one for each step that a flow waits for: it is kept small. */
class FutureSink<T> implements StepSink {
  readonly #future: TaskFuture<T>
  readonly #settle: (value: T) => void
  readonly #fail: (error: unknown) => void
  readonly #read: ((value: unknown) => T) | undefined

  constructor(
    future: TaskFuture<T>,
    settle: (value: T) => void,
    fail: (error: unknown) => void,
    read: ((value: unknown) => T) | undefined,
  ) {
    this.#future = future
    this.#settle = settle
    this.#fail = fail
    this.#read = read
  }

  resolve(value: unknown): void {
    this.#settle(this.#read === undefined ? (value as T) : this.#read(value))
  }

  reject(error: unknown): void {
    // A failure that nobody looks at is the run's to report, not the process'.
    hushing = true
    Promise.prototype.then.call(this.#future, undefined, () => {})
    hushing = false
    this.#fail(error)
  }
}
