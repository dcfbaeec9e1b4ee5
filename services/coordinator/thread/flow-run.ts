/**
 * One run inside a flow thread: runs the author's function, numbers the steps it asks for, and gives it what the log
 * holds, in log order, one record at a time, with the micro-task queue drained in between. So a replay makes the same
 * calls, and a race has the same winner.
 */
import { hash } from 'node:crypto'
import { CancelledError, NonDeterministicFlowError, QubusError } from '#shared/contract/errors.ts'
import { fromFailure, toFailure } from '#shared/contract/failure.ts'
import type { LogLine } from '#shared/contract/log-lines.ts'
import type { FlowContext, FutureState, StepHandle, StepRequest } from '#shared/flow/runtime.ts'
import { decodeValue, encodeValue } from '#shared/wire/value.ts'
import { seededChance } from './chance.ts'
import type { FlowEnd, FromThread, LogItem, RunKey } from './protocol.ts'

const nextTurn = setImmediate
const later = setTimeout
const notLater = clearTimeout

type Step = {
  kind: string
  name: string
  digest: string
  state: FutureState
  observed: boolean
  execute: (() => unknown) | undefined
  resolve(value: unknown): void
  reject(error: unknown): void
}

type Outcome = Extract<LogItem, { kind: 'outcome' }>

/** How long the log may hold an outcome of a step that the code has not asked for, before that is an error. */
const UNASKED_MS = 2_000

export type FlowRunOptions = {
  key: RunKey
  run: string
  startedAt: number
  send(message: FromThread): void
  /** Runs `fn` as the code of this run. */
  enter<T>(fn: () => T): T
  /** Runs `fn` as the side effect of a step: it may use the outside world. */
  enterEffect<T>(step: number, fn: () => T): T
}

export class FlowRun implements FlowContext {
  readonly run: string
  readonly #options: FlowRunOptions
  readonly #steps = new Map<number, Step>()
  readonly #queue: LogItem[] = []
  readonly #chance: ReturnType<typeof seededChance>
  #asked = 0
  #open = 0
  #clock: number
  #pumping = false
  #unasked: NodeJS.Timeout | undefined
  #cancelled: CancelledError | undefined
  #ending: FlowEnd | undefined
  #ended = false
  #firstUnseen: { step: number; name: string; error: unknown } | undefined
  #logged = 0

  constructor(options: FlowRunOptions) {
    this.#options = options
    this.run = options.run
    this.#clock = options.startedAt
    this.#chance = seededChance(options.run)
  }

  /** Starts the author's function; the end is sent as a message. */
  start(fn: (params: never) => unknown, params: unknown): void {
    this.#options.enter(() => {
      const result = (async () => fn(params as never))()
      result.then(
        (value) => this.#finish(value),
        (error: unknown) => this.fail(error),
      )
    })
  }

  /** Hands over what the log holds next. */
  deliver(items: LogItem[]): void {
    for (const item of items) this.#queue.push(item)
    this.#pump()
  }

  request(request: StepRequest): StepHandle {
    if (this.#cancelled || this.#ended)
      return refused(this.#cancelled ?? new CancelledError('the run has ended'))
    const where =
      request.kind === 'task'
        ? `an argument of task ${JSON.stringify(request.name)}`
        : `the input of ${request.kind} ${JSON.stringify(request.name)}`
    const value = encodeValue(request.value, where)
    const number = ++this.#asked
    this.#open++
    const digest = hash(
      'sha256',
      Buffer.concat([Buffer.from(`${request.kind}\n${request.name}\n`), value]),
      'base64url',
    ).slice(0, 22)
    const promise = new Promise<unknown>((resolve, reject) => {
      this.#steps.set(number, {
        kind: request.kind,
        name: request.name,
        digest,
        state: 'queued',
        observed: false,
        execute: request.execute,
        resolve,
        reject,
      })
    })
    this.#options.send({
      type: 'steps',
      key: this.#options.key,
      steps: [
        {
          step: number,
          kind: request.kind,
          name: request.name,
          label: request.label,
          digest,
          value,
          policy: request.policy,
        },
      ],
    })
    if (this.#unasked) this.#pump()
    return {
      step: number,
      promise,
      state: () => this.#steps.get(number)?.state ?? 'queued',
      cancel: () => this.#options.send({ type: 'cancel-step', key: this.#options.key, step: number }),
    }
  }

  observed(number: number): void {
    const step = this.#steps.get(number)
    if (step) step.observed = true
  }

  now(): number {
    return this.#clock
  }

  random(): number {
    return this.#chance.random()
  }

  uuid(): string {
    return this.#chance.uuid()
  }

  log(level: LogLine['level'], text: string, fields?: Record<string, unknown>): void {
    const line: LogLine = {
      at: this.#clock,
      level,
      stream: 'log',
      text,
      ...(fields === undefined ? {} : { fields: plain(fields) }),
    }
    this.#options.send({ type: 'log', key: this.#options.key, step: 0, first: this.#logged++, lines: [line] })
  }

  /** Runs the side effect of a step, once: its result goes to the log, and from there to the flow. */
  execute(number: number): void {
    const step = this.#steps.get(number)
    if (!step?.execute) return
    const { key, send } = this.#options
    const run = this.#options.enterEffect(number, async () =>
      encodeValue(await step.execute?.(), `the result of side effect ${JSON.stringify(step.name)}`),
    )
    run.then(
      (result) => send({ type: 'effect', key, step: number, result }),
      (error: unknown) => send({ type: 'effect', key, step: number, error: toFailure(error, 'TASK_FAILED') }),
    )
  }

  /** Ends the run as failed, or as cancelled when it was. */
  fail(error: unknown): void {
    if (this.#ended) return
    const failure = toFailure(error, 'FLOW_FAILED')
    const cancelled = this.#cancelled !== undefined
    this.#end({
      state: cancelled ? 'cancelled' : 'failed',
      error: cancelled ? toFailure(this.#cancelled, 'CANCELLED') : failure,
      steps: this.#asked,
    })
  }

  stop(): void {
    this.#ended = true
    this.#queue.length = 0
    notLater(this.#unasked)
  }

  #finish(value: unknown): void {
    if (this.#ended) return
    if (this.#cancelled) return this.fail(this.#cancelled)
    try {
      this.#ending = {
        state: 'completed',
        result: encodeValue(value, 'the result of the flow'),
        steps: this.#asked,
      }
    } catch (error) {
      return this.fail(error)
    }
    this.#endWhenDone()
  }

  // A flow that returns has asked for nothing in vain: the run waits for every step, looked at or not.
  #endWhenDone(): void {
    if (!this.#ending || this.#open > 0 || this.#ended) return
    if (this.#cancelled) return this.fail(this.#cancelled)
    const unseen = this.#firstUnseen
    if (unseen === undefined) return this.#end({ ...this.#ending, steps: this.#asked })
    this.fail(
      new QubusError(
        'UNHANDLED_REJECTION',
        `step ${unseen.step} (${JSON.stringify(unseen.name)}) failed and nobody awaited it: ${(unseen.error as Error).message}`,
        {
          cause: unseen.error,
        },
      ),
    )
  }

  // A cancelled run gets nothing more; a flow that waits for something else, or for nothing, would wait for ever.
  #endWhenCancelled(): void {
    if (this.#cancelled && this.#open === 0) nextTurn(() => this.fail(this.#cancelled))
  }

  #end(end: FlowEnd): void {
    this.#options.send({ type: 'end', key: this.#options.key, end })
    this.stop()
  }

  #pump(): void {
    if (this.#pumping || this.#ended) return
    this.#pumping = true
    const turn = (): void => {
      const item = this.#queue[0]
      if (item === undefined || this.#ended || this.#mustWait(item)) {
        this.#pumping = false
        return
      }
      this.#queue.shift()
      this.#options.enter(() => this.#give(item))
      nextTurn(turn)
    }
    // Whatever the code does before its first step comes before the first delivery.
    nextTurn(turn)
  }

  // The code may still be on its way to the step (a dynamic import takes real time); if it never asks, it has changed.
  #mustWait(item: LogItem): boolean {
    if (item.kind !== 'outcome' || item.step <= this.#asked) {
      notLater(this.#unasked)
      this.#unasked = undefined
      return false
    }
    this.#unasked ??= later(() => {
      this.fail(
        new NonDeterministicFlowError(
          `the log holds ${JSON.stringify(item.name)} as step ${item.step}, but the flow asked for ${this.#asked} step(s) only: its code or what it depends on has changed`,
          { step: item.step, recorded: item.name },
        ),
      )
    }, UNASKED_MS)
    return true
  }

  #give(item: LogItem): void {
    this.#clock = Math.max(this.#clock, item.at)
    if (item.kind === 'cancel') {
      this.#cancelled = new CancelledError(item.reason)
      this.#endWhenCancelled()
      return
    }
    const step = this.#steps.get(item.step)
    if (
      step === undefined ||
      step.state === 'completed' ||
      step.state === 'failed' ||
      step.state === 'cancelled'
    )
      return
    if (item.kind === 'attempt') step.state = 'retrying'
    else this.#settle(item, step)
  }

  #settle(item: Outcome, step: Step): void {
    if (item.digest !== step.digest) {
      return this.fail(
        new NonDeterministicFlowError(
          `step ${item.step}: the log holds ${JSON.stringify(item.name)} (${item.digest}), the flow asked for ${step.kind} ${JSON.stringify(step.name)} (${step.digest}): another step, or the same with other arguments`,
          { step: item.step, recorded: item.name, asked: step.name },
        ),
      )
    }
    step.state = item.state
    step.execute = undefined
    this.#open--
    if (item.state === 'completed') {
      step.resolve(item.result === undefined ? undefined : decodeValue(item.result))
      if (this.#ending) nextTurn(() => this.#endWhenDone())
      return
    }
    const error = item.error === undefined ? new CancelledError() : fromFailure(item.error)
    step.reject(error)
    // Code that is about to look does so within this turn. What was cancelled did not go wrong.
    nextTurn(() => {
      if (!step.observed && item.state === 'failed')
        this.#firstUnseen ??= { step: item.step, name: step.name, error }
      this.#endWhenDone()
      this.#endWhenCancelled()
    })
  }
}

function refused(error: CancelledError): StepHandle {
  const promise = Promise.reject(error)
  promise.catch(() => {})
  return { step: 0, promise, state: () => 'cancelled', cancel: () => {} }
}

function plain(fields: Record<string, unknown>): Record<string, unknown> {
  try {
    return JSON.parse(JSON.stringify(fields)) as Record<string, unknown>
  } catch {
    return {}
  }
}
