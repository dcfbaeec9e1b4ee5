/**
 * One run inside a flow thread: runs the author's function, numbers the steps it asks for, and gives it what the log
 * holds, in log order, one record at a time, with the micro-task queue drained in between. So a replay makes the same
 * calls, and a race has the same winner.
 */
import { CancelledError, NonDeterministicFlowError, QubusError } from '#shared/contract/errors.ts'
import { fromFailure, toFailure } from '#shared/contract/failure.ts'
import type { LogLine } from '#shared/contract/log-lines.ts'
import { authorPlace, calledAt } from '#shared/flow/author-place.ts'
import type {
  FlowContext,
  FutureState,
  MapRequest,
  StepHandle,
  StepRequest,
  StepSink,
} from '#shared/flow/runtime.ts'
import { decodeValue, encodeValue } from '#shared/wire/value.ts'
import { seededChance } from './chance.ts'
import { gatherAlike, packSteps } from './compact.ts'
import { Deliveries } from './deliveries.ts'
import type { FlowEnd, FlowStart, FromThread, LogItem, RunKey, WantedStep } from './protocol.ts'
import { FlowRange, packValues } from './range.ts'
import { stepDigest } from './step-digest.ts'

const nextTurn = setImmediate
const soon = queueMicrotask

type Step = {
  kind: string
  name: string
  digest: string
  retrying: boolean
  observed: boolean
  execute: (() => unknown) | undefined
  sink: StepSink
  /** Its stack says where it was asked for. */
  site: Error | undefined
}

type Outcome = Extract<LogItem, { kind: 'outcome' }>

/** Lines of one attempt of the flow are numbered from here on times the attempt: a replay of it writes none twice. */
const LINES_PER_ATTEMPT = 10_000_000

/** Steps that are sent at once. */
const MOST_WANTED = 4096

/** Steps whose place in the code is kept at once: each takes as much memory as all the rest of it. */
const MOST_SITES = 20_000

export type FlowRunOptions = Omit<FlowStart, 'bundle' | 'params'> & {
  key: RunKey
  send(message: FromThread): void
  /** Runs `fn` as the code of this run. */
  enter<T>(fn: () => T): T
  /** Runs `fn` as the side effect of a step: it may use the outside world. */
  enterEffect<T>(step: number, fn: () => T): T
  /** Called where the code asks for a step, or for many that begin with it. */
  asked?(step: number): void
}

export class FlowRun implements FlowContext {
  readonly run: string
  readonly #options: FlowRunOptions
  readonly #steps = new Map<number, Step>()
  readonly #badly = new Map<number, 'failed' | 'cancelled'>()
  readonly #ranges: FlowRange[] = []
  readonly #deliveries: Deliveries
  readonly #chance: ReturnType<typeof seededChance>
  #wanted: WantedStep[] = []
  #asked: number
  #open = 0
  #clock: number
  #cancelled: CancelledError | undefined
  #ending: FlowEnd | undefined
  #ended = false
  /** Steps that failed before anybody had looked at them. */
  readonly #failed: { number: number; step: Step; error: Error }[] = []
  #logged: number

  constructor(options: FlowRunOptions) {
    this.#options = options
    this.run = options.run
    this.#asked = options.base
    this.#clock = options.origin.at
    this.#chance = seededChance(options.origin.run)
    this.#logged = (options.attempt - 1) * LINES_PER_ATTEMPT
    this.#deliveries = new Deliveries({
      give: (item) => this.#options.enter(() => this.#give(item)),
      asked: () => this.#asked,
      unasked: (item) => this.fail(unaskedError(item, this.#asked - options.base)),
    })
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
    if (!this.#ended) this.#deliveries.add(items)
  }

  ask(request: StepRequest, sink: StepSink): number {
    const refusal = this.#refusal()
    if (refusal) {
      sink.reject(refusal)
      return 0
    }
    const { kind, name, label, policy, execute } = request
    const what = JSON.stringify(name)
    const value = encodeValue(
      request.value,
      () => `${kind === 'task' ? 'an argument' : 'the input'} of ${kind} ${what}${calledAt()}`,
      kind === 'task' ? 'args' : 'input',
    )
    const step = ++this.#asked
    this.#options.asked?.(step)
    this.#open++
    const digest = stepDigest(kind, name, value)
    const site = this.#options.replay && this.#steps.size < MOST_SITES ? new Error() : undefined
    this.#steps.set(step, { kind, name, digest, retrying: false, observed: false, execute, sink, site })
    const waiting = this.#wanted.push({ step, kind, name, label, digest, value, policy })
    if (waiting === 1) soon(() => this.#sendWanted())
    else if (waiting === MOST_WANTED) this.#sendWanted()
    this.#deliveries.more()
    return step
  }

  map({ kind, name, policy, values, concurrency }: MapRequest, sink: StepSink): { cancel(): void } {
    const refusal = this.#refusal()
    if (refusal) {
      sink.reject(refusal)
      return { cancel() {} }
    }
    const packed = packValues(values, () => `an argument of ${kind} ${JSON.stringify(name)}${calledAt()}`)
    const range = new FlowRange(this.#asked + 1, kind, name, packed, sink)
    const { first, count } = range
    this.#options.asked?.(first)
    this.#asked += count
    this.#open += count
    this.#ranges.push(range)
    const { key } = this.#options
    const { bytes } = packed
    const ends = new Uint8Array(packed.ends.buffer)
    this.#send({ type: 'range', key, range: { first, count, kind, name, policy, bytes, ends, concurrency } })
    this.#deliveries.more()
    return { cancel: () => this.#send({ type: 'stop-range', key, first, all: true }) }
  }

  /** What bundles of 0.1.0 call. */
  request(request: StepRequest): StepHandle {
    let step = 0
    const promise = new Promise<unknown>((resolve, reject) => {
      step = this.ask(request, { resolve, reject })
    })
    promise.catch(() => {})
    return { step, promise, state: () => this.state(step), cancel: () => this.cancel(step) }
  }

  state(step: number): FutureState {
    const found = this.#steps.get(step)
    if (found) return found.retrying ? 'retrying' : 'queued'
    if (step > this.#asked || this.#ranges.some((range) => range.has(step) && !range.isSettled(step)))
      return 'queued'
    return step === 0 ? 'cancelled' : (this.#badly.get(step) ?? 'completed')
  }

  cancel(step: number): void {
    if (step > 0) this.#send({ type: 'cancel-step', key: this.#options.key, step })
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
    this.#send({ type: 'log', key: this.#options.key, step: 0, first: this.#logged++, lines: [line] })
  }

  /** Runs the side effect of a step, once: its result goes to the log, and from there to the flow. */
  execute(number: number): void {
    const step = this.#steps.get(number)
    if (!step?.execute) return
    const { key } = this.#options
    const run = this.#options.enterEffect(number, async () =>
      encodeValue(await step.execute?.(), `the result of side effect ${JSON.stringify(step.name)}`),
    )
    run.then(
      (result) => this.#send({ type: 'effect', key, step: number, result }),
      (error: unknown) =>
        this.#send({ type: 'effect', key, step: number, error: toFailure(error, 'TASK_FAILED') }),
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
    this.#deliveries.stop()
  }

  #refusal(): CancelledError | undefined {
    return this.#cancelled ?? (this.#ended ? new CancelledError('the run has ended') : undefined)
  }

  #sendWanted(): void {
    if (this.#wanted.length === 0) return
    const steps = this.#wanted
    this.#wanted = []
    const { key, send } = this.#options
    for (const each of gatherAlike(steps))
      send(
        Array.isArray(each)
          ? { type: 'steps', key, steps: packSteps(each) }
          : { type: 'range', key, range: each },
      )
  }

  // Steps first: what is said of a step comes after it was asked for.
  #send(message: FromThread): void {
    this.#sendWanted()
    this.#options.send(message)
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
    // Only now: what was given in one turn with it must not decide whether it was looked at in time.
    const unseen = this.#failed.find(({ step }) => !step.observed)
    if (unseen === undefined) return this.#end({ ...this.#ending, steps: this.#asked })
    this.fail(
      new QubusError(
        'UNHANDLED_REJECTION',
        `step ${unseen.number} (${JSON.stringify(unseen.step.name)}) failed and nobody awaited it: ${unseen.error.message}`,
        { cause: unseen.error },
      ),
    )
  }

  // A cancelled run gets nothing more; a flow that waits for something else, or for nothing, would wait for ever.
  #endWhenCancelled(): void {
    if (this.#cancelled && this.#open === 0) nextTurn(() => this.fail(this.#cancelled))
  }

  #end(end: FlowEnd): void {
    this.#send({ type: 'end', key: this.#options.key, end })
    this.stop()
  }

  #give(item: LogItem): void {
    if (item.kind === 'mark') return this.#send({ type: 'mark', key: this.#options.key, mark: item.mark })
    if (item.kind === 'cut') return this.#cut(item.first, item.count)
    this.#clock = Math.max(this.#clock, item.at)
    if (item.kind === 'cancel') {
      this.#cancelled = new CancelledError(item.reason)
      this.#endWhenCancelled()
      return
    }
    const step = this.#steps.get(item.step)
    if (item.kind === 'attempt') {
      if (step) step.retrying = true
    } else if (step) this.#settle(item, step)
    else this.#settleInRange(item)
  }

  // What was cut off comes to nothing: those who wait for the whole are told.
  #cut(first: number, count: number): void {
    const range = this.#ranges.find((each) => each.first === first)
    if (range === undefined) return
    this.#open -= range.count - count
    range.open -= range.count - count
    if (!range.told && range.open === 0) range.rejected(first, this.#cancelled ?? new CancelledError())
    nextTurn(() => {
      this.#endWhenDone()
      this.#endWhenCancelled()
    })
  }

  #settle(item: Outcome, step: Step): void {
    if (item.digest !== step.digest) return this.fail(otherStepError(item, step))
    this.#steps.delete(item.step)
    if (item.state !== 'completed') this.#badly.set(item.step, item.state)
    this.#open--
    if (item.state === 'completed') {
      step.sink.resolve(item.result === undefined ? undefined : decodeValue(item.result))
      if (this.#ending) nextTurn(() => this.#endWhenDone())
      return
    }
    const error = item.error === undefined ? new CancelledError() : fromFailure(item.error)
    step.sink.reject(error)
    // What was cancelled did not go wrong.
    if (item.state === 'failed' && !step.observed) this.#failed.push({ number: item.step, step, error })
    // Code that is about to look does so within this turn.
    nextTurn(() => {
      this.#endWhenDone()
      this.#endWhenCancelled()
    })
  }

  #settleInRange(item: Outcome): void {
    const range = this.#ranges.find((each) => each.has(item.step))
    if (range === undefined || range.isSettled(item.step)) return
    const { kind, name } = range
    const digest = range.digestOf(item.step)
    if (item.digest !== digest) return this.fail(otherStepError(item, { kind, name, digest }))
    this.#open--
    if (item.state === 'completed') {
      range.completed(item.step, item.result === undefined ? undefined : decodeValue(item.result))
    } else {
      this.#badly.set(item.step, item.state)
      const error = item.error === undefined ? new CancelledError() : fromFailure(item.error)
      if (range.rejected(item.step, error))
        this.#send({ type: 'stop-range', key: this.#options.key, first: range.first, all: false })
    }
    if (range.open === 0) this.#ranges.splice(this.#ranges.indexOf(range), 1)
    if (this.#ending || this.#cancelled)
      nextTurn(() => {
        this.#endWhenDone()
        this.#endWhenCancelled()
      })
  }
}

function unaskedError(item: Outcome, asked: number): NonDeterministicFlowError {
  return new NonDeterministicFlowError(
    `the log holds ${JSON.stringify(item.name)} as step ${item.step}, but the flow asked for ${asked} step(s) only: its code or what it depends on has changed. ${WHY}`,
    { step: item.step, recorded: item.name },
  )
}

function otherStepError(
  item: Outcome,
  step: Pick<Step, 'kind' | 'name' | 'digest'> & { site?: Error | undefined },
): NonDeterministicFlowError {
  const at = authorPlace(step.site?.stack)
  const what = item.name === step.name ? 'the same with other arguments, or of another kind' : 'another step'
  return new NonDeterministicFlowError(
    `step ${item.step}: the log holds ${JSON.stringify(item.name)} (${item.digest}), the flow asked for ${step.kind} ${JSON.stringify(step.name)} (${step.digest})${at === undefined ? '' : ` at ${at}`}: ${what}. ${WHY}`,
    { step: item.step, recorded: item.name, asked: step.name, ...(at === undefined ? {} : { at }) },
  )
}

const WHY =
  'A replay must ask for the same: take what differs from call to call (the process, module variables, caches) in a sideEffect or a task'

function plain(fields: Record<string, unknown>): Record<string, unknown> {
  try {
    return JSON.parse(JSON.stringify(fields)) as Record<string, unknown>
  } catch {
    return {}
  }
}
