/**
 * The steps of one attempt of a run that have no outcome yet: has their commands sent when they have their turn, decides
 * on retries, and writes the outcomes that are the coordinator's to write. What it knows comes from the log and from the
 * flow's calls.
 */
import { CancelledError, type QubusError } from '#shared/contract/errors.ts'
import { toFailure } from '#shared/contract/failure.ts'
import type { StepView } from '#shared/contract/query.ts'
import type { StepOutcome } from '#shared/contract/step-record.ts'
import { REGISTRY_TTL_SECONDS } from '#shared/contract/streams.ts'
import { cancelRun } from '../cancel-run.ts'
import type { CommandFacts } from '../commands.ts'
import type { CoordinatorContext } from '../context.ts'
import type { LogRecord } from '../log-record.ts'
import type { Reuse } from '../reuse/reuse.ts'
import type { WantedRange, WantedStep } from '../thread/protocol.ts'
import { laneOf } from '../turns/lanes.ts'
import { doLocally, isLocal, type Marks } from './local-steps.ts'
import { PendingStep, type Running, viewOf } from './pending-step.ts'
import { decideRetry, type FailedAttempt } from './retry.ts'
import {
  childOf,
  deviceOf,
  type Ending,
  outcomeDraft,
  poolOf,
  type RunFacts,
  shapeOf,
} from './step-drafts.ts'
import { StepRange } from './step-range.ts'
import { StepSet } from './step-set.ts'

export type RunStepsOptions = {
  context: CoordinatorContext
  facts: RunFacts
  /** The log held something before this coordinator came: it is being read, and commands may be there already. */
  takenOver: boolean
  reuse: Reuse
  /** Steps of earlier attempts of the flow: they are over. */
  base: number
  /** Run the side effect of this step in the flow's thread. */
  execute(step: number): void
  /** No more than `count` steps of the range that begins at `first` will have an outcome. */
  cut(first: number, count: number): void
  fail(error: unknown): void
}

/** From so many on, those that nothing waits for are forgotten. */
const MANY_RANGES = 64

function isOfUse(range: StepRange): boolean {
  return !range.apart || range.size > 0
}

/** Whoever is not in the registry for so long is gone. */
const GONE_MS = REGISTRY_TTL_SECONDS * 1000

export type StepCounts = { requested: number; completed: number; failed: number; cancelled: number }

export class RunSteps {
  readonly #options: RunStepsOptions
  readonly #facts: CommandFacts
  readonly #pending = new Map<number, PendingStep>()
  #ranges: StepRange[] = []
  readonly #outcomes = new StepSet()
  readonly #failures = new Map<number, FailedAttempt[]>()
  readonly #marks: Marks = { timers: new Map(), waits: new Map() }
  /** What the flow said while the log is still being read, in order. */
  #parked: (() => void)[] | undefined
  #cancelled: string | undefined
  #stopped = false
  readonly #issue = (step: PendingStep): void => this.#command(step)
  readonly counts: StepCounts = { requested: 0, completed: 0, failed: 0, cancelled: 0 }

  constructor(options: RunStepsOptions) {
    this.#options = options
    this.#parked = options.takenOver ? [] : undefined
    this.#facts = {
      ...options.facts,
      takenOver: options.takenOver,
      resumes: (step) => options.reuse.childToResume(step),
    }
  }

  /** How many the flow waits for. */
  get outstanding(): number {
    return this.#pending.size + this.#ranges.reduce((sum, range) => sum + range.size, 0)
  }

  /** The flow asked for a step. If the log has its outcome, there is nothing to do. */
  want(wanted: WantedStep): void {
    this.counts.requested++
    if (this.#parked) this.#parked.push(() => this.#take(wanted))
    else this.#take(wanted)
  }

  /** The flow asked for many at once. */
  wantRange(wanted: WantedRange): void {
    this.counts.requested += wanted.count
    if (this.#parked) this.#parked.push(() => this.#takeRange(wanted))
    else this.#takeRange(wanted)
  }

  /** All that the log held was told: what has no outcome is to be done. */
  logRead(): void {
    const parked = this.#parked ?? []
    this.#parked = undefined
    for (const take of parked) take()
  }

  /** Takes what the log says of a step. */
  recorded(record: LogRecord): void {
    if ('step' in record && record.step <= this.#options.base) return
    if (record.kind === 'outcome') this.#outcome(record)
    else if (record.kind === 'attempt') this.#attempt(record)
    else if (record.kind === 'timer') this.#marks.timers.set(record.step, record.body.dueAt)
    else if (record.kind === 'wait') this.#marks.waits.set(record.step, record.body)
    else if (record.kind === 'route') {
      const step = this.#pending.get(record.step)
      if (step) step.device = record.body.device
    }
  }

  /** Somebody runs it. @param forMs how long already. */
  heard(number: number, running: Running, forMs: number): void {
    const step = this.#pending.get(number)
    if (step === undefined) return
    step.running = running
    step.goneAt = undefined
    this.#begun(step, forMs)
  }

  admitted(number: number): void {
    const step = this.#pending.get(number)
    if (step) step.admitted = true
  }

  /** A side effect came to this. */
  effect(number: number, result: Uint8Array | undefined, error: Ending['error']): void {
    const step = this.#pending.get(number)
    if (!step) return
    if (error !== undefined) return this.#finish(step, { state: 'failed', error })
    this.#withPayload(result, (payload) => this.#finish(step, { state: 'completed', ...payload }))
  }

  cancelStep(number: number): void {
    if (this.#parked) return void this.#parked.push(() => this.cancelStep(number))
    const step = this.#pending.get(number) ?? this.#takeOut(number)
    if (step) void this.#cancelOne(step, 'cancelled by the flow').then(() => this.#say([number]))
  }

  /** Nothing more of the range that begins at `first` is begun; `all`: what was begun is cancelled. */
  stopRange(first: number, all: boolean): void {
    if (this.#parked) return void this.#parked.push(() => this.stopRange(first, all))
    const range = this.#ranges.find((each) => each.first === first)
    if (range === undefined) return
    this.#cut(range)
    if (all) for (const step of this.#pending.keys()) if (range.has(step)) this.cancelStep(step)
  }

  /** Ends everything that is outstanding as cancelled, down to what runs. Resolves when that is on record. */
  async cancelAll(reason: string): Promise<void> {
    if (this.#cancelled !== undefined) return
    this.#cancelled = reason
    this.#options.context.lanes.drop(this.#options.facts.run)
    for (const range of [...this.#ranges]) this.#stopTurns(range)
    await Promise.all([...this.#pending.values()].map((step) => this.#cancelOne(step, reason)))
    // Whoever hears it looks at the log: the outcomes must be there by then.
    this.#say(undefined)
  }

  /**
   * Sends again the commands that the broker may have lost: those out for longer than `olderMs`. One that somebody runs
   * is lost only when he is too: until then he is left to record what it comes to.
   */
  async repeat(olderMs: number): Promise<void> {
    const now = this.#options.context.clock.now()
    const steps = [...this.#pending.values()].filter(
      (step) => step.phase === 'commanded' && step.sentAt <= now - olderMs && !this.#isRun(step, now),
    )
    if (steps.length === 0 || this.#stopped) return
    const { queues, commands } = this.#options.context
    for (const step of steps) await queues.prepare(step, poolOf(step, this.#options.facts.requested))
    await commands.repeat(this.#facts, steps)
  }

  // A broker that was away has an empty registry until all have told it that they live: silence must last.
  #isRun(step: PendingStep, now: number): boolean {
    if (step.running === undefined) return false
    const since = step.goneAt ?? now
    step.goneAt = this.#options.context.lives(step.running.by) ? undefined : since
    if (step.goneAt !== undefined && now - since >= GONE_MS) step.running = undefined
    return step.running !== undefined
  }

  view(limit: number): StepView[] {
    const { facts, context } = this.#options
    const views: StepView[] = []
    const add = (step: PendingStep): boolean => {
      const pool = poolOf(step, facts.requested)
      views.push(viewOf(step, this.#failures.get(step.step) ?? [], pool, context.why(step, pool)))
      return views.length < limit
    }
    for (const step of this.#pending.values()) if (!add(step)) return views
    for (const range of this.#ranges)
      for (const wanted of range.waiting()) {
        const step = this.#toPending(wanted)
        step.phase = 'turn'
        if (!add(step)) return views
      }
    return views
  }

  stop(): void {
    this.#stopped = true
    const { lanes } = this.#options.context
    lanes.drop(this.#options.facts.run)
    for (const step of this.#pending.values()) {
      step.timer?.clear()
      step.stopWaiting?.()
      this.#release(step)
    }
  }

  #take(wanted: WantedStep): void {
    if (this.#outcomes.has(wanted.step)) return
    const step = this.#toPending(wanted)
    this.#pending.set(wanted.step, step)
    if (this.#cancelled !== undefined) return void this.#cancelOne(step, this.#cancelled)
    if (this.#failures.has(wanted.step)) this.#afterFailure(step)
    else if (this.#options.reuse.mayKnow(step)) this.#reuse(step)
    else this.#begin(step)
  }

  #takeRange(wanted: WantedRange): void {
    const range = new StepRange(
      wanted,
      (each) => this.#nextOfRange(each),
      (step) => this.#outcomes.has(step),
    )
    if (this.#ranges.length > MANY_RANGES) this.#ranges = this.#ranges.filter(isOfUse)
    this.#ranges.push(range)
    if (this.#cancelled === undefined) return this.#queueRange(range)
    for (const step of this.#stopTurns(range)) void this.#cancelOne(step, this.#cancelled)
  }

  #queueRange(range: StepRange): void {
    if (range.queued || range.size === 0) return
    range.queued = true
    const { context, facts } = this.#options
    context.lanes.add(this.#taskLane(range), facts.run, facts.requested.priority ?? 0, range)
  }

  // Of a range only what has its turn becomes a step; one that failed before takes another way.
  #nextOfRange(wanted: WantedStep): PendingStep | undefined {
    const step = this.#toPending(wanted)
    this.#pending.set(step.step, step)
    if (!this.#failures.has(step.step)) {
      step.laneName = this.#taskLane(wanted)
      step.phase = 'turn'
      return step
    }
    queueMicrotask(() => {
      if (!this.#stopped && this.#pending.has(step.step)) this.#afterFailure(step)
    })
    return undefined
  }

  #toPending(wanted: WantedStep): PendingStep {
    return new PendingStep(wanted, this.#options.context.clock.now(), this.#issue)
  }

  #reuse(step: PendingStep): void {
    step.phase = 'reuse'
    step.lookedUp = true
    this.#options.reuse.find(step).then(
      (known) => {
        if (this.#stopped || !this.#pending.has(step.step)) return
        if (known !== undefined) this.#finish(step, { state: 'completed', ...known })
        else if (step.lane === undefined) this.#begin(step)
        else this.#send(step)
      },
      (error: unknown) => this.#stopped || this.#options.fail(error),
    )
  }

  #begin(step: PendingStep): void {
    if (isLocal(step)) {
      return doLocally({
        ...this.#options,
        step,
        marks: this.#marks,
        wanted: () => !this.#stopped && this.#pending.has(step.step),
        finish: (ending) => this.#finish(step, ending),
      })
    }
    const { context, facts } = this.#options
    if (step.kind === 'vqpu') return this.#command(step)
    const lane = this.#laneOf(step)
    context.lanes.add(lane, facts.run, facts.requested.priority ?? 0, step.waitsIn(lane))
  }

  #laneOf(step: PendingStep): string {
    if (step.policy.limits !== undefined) return this.#taskLane(step)
    if (step.kind === 'flow') return laneOf.flows(this.#options.facts.run)
    return step.kind === 'circuit' ? laneOf.circuit(deviceOf(step)) : this.#taskLane(step)
  }

  #taskLane(step: Pick<PendingStep, 'policy'>): string {
    const [limit] = step.policy.limits ?? []
    if (limit !== undefined) return laneOf.limit(limit)
    return laneOf.task(poolOf(step, this.#options.facts.requested), shapeOf(step))
  }

  // It has its turn: its lane has counted it.
  #command(step: PendingStep): void {
    if (step.phase === 'turn') step.lane = step.laneName
    if (this.#stopped || !this.#pending.has(step.step)) return this.#release(step)
    if (step.phase === 'turn' && !step.lookedUp && this.#options.reuse.mayKnow(step)) this.#reuse(step)
    else this.#send(step)
  }

  #send(step: PendingStep): void {
    const { context } = this.#options
    // Whoever held the run before may have commanded it: it can fail while it waits for its turn here.
    if (this.#failures.get(step.step)?.some(({ attempt }) => attempt >= step.attempt)) {
      this.#release(step)
      return this.#afterFailure(step)
    }
    step.phase = 'commanded'
    step.sentAt = context.clock.now()
    step.begun = false
    step.admitted = false
    if (!context.leaseHolds()) return
    const prepared = context.queues.prepare(step, poolOf(step, this.#options.facts.requested))
    if (prepared !== undefined) return this.#sendPrepared(step, prepared)
    this.#dispatch(step)
  }

  // Its queue has to be found or made first, or there is none.
  #sendPrepared(step: PendingStep, prepared: Promise<QubusError | undefined>): void {
    prepared.then(
      (wrong) => {
        if (this.#stopped || this.#pending.get(step.step) !== step || step.phase !== 'commanded') return
        if (wrong === undefined) return this.#dispatch(step)
        this.#finish(step, { state: 'failed', error: toFailure(wrong, wrong.code) })
      },
      // The broker did not answer: the command is sent when it is looked for.
      () => {},
    )
  }

  #dispatch(step: PendingStep): void {
    const { context, fail } = this.#options
    try {
      const sent = context.commands.send(this.#facts, step)
      if (sent !== undefined) sent.catch((error: unknown) => this.#stopped || fail(error))
    } catch (error) {
      fail(error)
    }
  }

  #outcome(record: Extract<LogRecord, { kind: 'outcome' }>): void {
    const { step: number, body } = record
    if (!this.#outcomes.add(number)) return
    this.counts[body.state]++
    this.#failures.delete(number)
    const step = this.#pending.get(number)
    if (!step) return
    this.#pending.delete(number)
    step.timer?.clear()
    step.stopWaiting?.()
    this.#begun(step, body.endedAt - body.startedAt)
    this.#release(step)
    if (this.#ranges.length > 0) this.#endOfRange(number)
    if (body.state === 'completed') this.#options.reuse.completed(step, body)
  }

  #endOfRange(number: number): void {
    const range = this.#ranges.find((each) => !each.apart && each.has(number))
    if (range === undefined) return
    range.ended()
    if (!range.stopped && range.size > 0) this.#queueRange(range)
  }

  #attempt({ step: number, attempt, at, body }: Extract<LogRecord, { kind: 'attempt' }>): void {
    const failures = this.#failures.get(number) ?? []
    if (this.#outcomes.has(number) || failures.some((each) => each.attempt === attempt)) return
    failures.push({ attempt, at, error: body.error, uncharged: body.uncharged ?? false })
    this.#failures.set(number, failures)
    const step = this.#pending.get(number)
    if (step?.phase !== 'commanded' || step.attempt !== attempt) return
    this.#begun(step, body.endedAt - body.startedAt)
    this.#release(step)
    this.#afterFailure(step)
  }

  #afterFailure(step: PendingStep): void {
    const failures = this.#failures.get(step.step) ?? []
    const decision = decideRetry(step.policy, failures, `${this.#options.facts.run}.${step.step}`)
    step.running = undefined
    step.device = undefined
    if (decision.next === 'fail') {
      step.phase = 'local'
      return this.#finish(step, {
        state: decision.error.code === 'CANCELLED' ? 'cancelled' : 'failed',
        error: decision.error,
      })
    }
    step.phase = 'retrying'
    step.attempt = decision.attempt
    step.dueAt = decision.dueAt
    step.timer = this.#options.context.clock.at(decision.dueAt, () => {
      if (!this.#stopped && this.#pending.has(step.step)) this.#begin(step)
    })
  }

  #begun(step: PendingStep, forMs: number): void {
    if (step.begun || step.lane === undefined) return
    step.begun = true
    const { lanes, clock } = this.#options.context
    lanes.begun(step.lane, Math.max(0, clock.now() - step.sentAt - Math.max(0, forMs)))
  }

  #release(step: PendingStep): void {
    const { lane } = step
    if (lane === undefined) return
    step.lane = undefined
    this.#options.context.lanes.release(lane)
  }

  /** Makes a step of its own of one that waits in a range. */
  #takeOut(number: number): PendingStep | undefined {
    const wanted = this.#ranges.find((each) => each.apart && each.has(number))?.take(number)
    if (wanted === undefined) return undefined
    const step = this.#toPending(wanted)
    this.#pending.set(number, step)
    return step
  }

  /** Nothing more of the range has its turn. Returns the steps of it that are to have an outcome all the same. */
  #stopTurns(range: StepRange): PendingStep[] {
    if (range.apart) {
      const steps = [...range.waiting()].map((wanted) => this.#toPending(wanted))
      for (const step of steps) this.#pending.set(step.step, step)
      range.stop()
      return steps
    }
    this.#cut(range)
    return []
  }

  #cut(range: StepRange): void {
    if (range.stopped) return
    const count = range.stop()
    if (count < range.count) this.#options.cut(range.first, count)
  }

  #cancelOne(step: PendingStep, reason: string): Promise<void> {
    const { context, facts } = this.#options
    step.timer?.clear()
    step.stopWaiting?.()
    if (step.kind === 'flow') cancelRun(context, childOf(facts.run, step), facts.run, reason)
    return this.#record(step, {
      state: 'cancelled',
      error: toFailure(new CancelledError(reason), 'CANCELLED'),
    })
  }

  #finish(step: PendingStep, ending: Ending): void {
    step.phase = 'local'
    void this.#record(step, ending)
  }

  async #record(step: PendingStep, ending: Ending): Promise<void> {
    const { context, facts } = this.#options
    if (this.#stopped || !context.leaseHolds()) return
    const by = { writer: context.id, node: context.host }
    await context.store.create(outcomeDraft(facts, step, ending, by, context.clock.now())).catch(() => {})
  }

  #withPayload(bytes: Uint8Array | undefined, then: (payload: Pick<StepOutcome, 'result'>) => void): void {
    if (bytes === undefined) return then({})
    const payload = this.#options.context.blobs.toPayload(bytes)
    if (!(payload instanceof Promise)) return then({ result: payload })
    payload.then(
      (result) => then({ result }),
      (error: unknown) => this.#stopped || this.#options.fail(error),
    )
  }

  #say(steps: number[] | undefined): void {
    this.#options.context.control(this.#options.facts.run, steps)
  }
}
