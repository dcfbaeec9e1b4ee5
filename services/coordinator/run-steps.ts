/**
 * The steps of one run that have no outcome yet: publishes their commands, decides on retries, keeps timers, and
 * writes the outcomes that are the coordinator's to write. What it knows comes from the log and from the flow's calls.
 */
import { CancelledError } from '#shared/contract/errors.ts'
import { toFailure } from '#shared/contract/failure.ts'
import type { Payload } from '#shared/contract/payload.ts'
import type { StepView } from '#shared/contract/query.ts'
import { subject } from '#shared/contract/subjects.ts'
import { encode } from '#shared/wire/message.ts'
import { decodeValue, encodeValue } from '#shared/wire/value.ts'
import { cancelRun } from './cancel-run.ts'
import type { CoordinatorContext } from './context.ts'
import { drainDevice } from './drain-device.ts'
import type { LogRecord } from './log-record.ts'
import { setLongTimer } from './long-timer.ts'
import { decideRetry, type FailedAttempt } from './retry.ts'
import { sendCommand } from './send-command.ts'
import { childOf, type Ending, outcomeDraft, poolOf, type RunFacts, timerDraft } from './step-drafts.ts'
import { type PendingStep, viewOf } from './step-state.ts'
import type { WantedStep } from './thread/protocol.ts'

/** Outstanding commands of one run: enough to keep every worker busy, little enough that a small run beside it is served at once. */
const WINDOW = 2000
/** A window that is full is filled again when this much is left: many commands at once cost one sync. */
const REFILL_AT = WINDOW * 0.75

export type RunStepsOptions = {
  context: CoordinatorContext
  facts: RunFacts
  /** The log held something before this coordinator came: commands may be there already. */
  takenOver: boolean
  /** Run the side effect of this step in the flow's thread. */
  execute(step: number): void
  fail(error: unknown): void
}

export class RunSteps {
  readonly #options: RunStepsOptions
  readonly #pending = new Map<number, PendingStep>()
  readonly #outcomes = new Set<number>()
  readonly #failures = new Map<number, FailedAttempt[]>()
  readonly #timers = new Map<number, number>()
  readonly #waiting: PendingStep[] = []
  #commanded = 0
  #cancelled: string | undefined
  #stopped = false
  readonly counts = { requested: 0, completed: 0, failed: 0, cancelled: 0 }

  constructor(options: RunStepsOptions) {
    this.#options = options
  }

  get outstanding(): number {
    return this.#pending.size
  }

  /** The flow asked for a step. If the log has its outcome, there is nothing to do. */
  want(wanted: WantedStep): void {
    this.counts.requested++
    if (this.#outcomes.has(wanted.step)) return
    const step: PendingStep = { ...wanted, queuedAt: Date.now(), attempt: 1, phase: 'local' }
    this.#pending.set(wanted.step, step)
    if (this.#cancelled !== undefined) return void this.#cancelOne(step, this.#cancelled)
    if (this.#failures.has(wanted.step)) this.#afterFailure(step)
    else this.#begin(step)
  }

  /** Takes what the log says of a step. */
  recorded(record: LogRecord): void {
    if (record.kind === 'outcome') this.#outcome(record.step, record.body.state)
    else if (record.kind === 'attempt') this.#attempt(record)
    else if (record.kind === 'timer') this.#timers.set(record.step, record.body.dueAt)
    else if (record.kind === 'route') {
      const step = this.#pending.get(record.step)
      if (step) step.device = record.body.device
    }
  }

  /** Somebody runs it: for those who look. */
  heard(number: number, running: NonNullable<PendingStep['running']>): void {
    const step = this.#pending.get(number)
    if (step) step.running = running
  }

  /** A side effect came to this. */
  effect(number: number, result: Uint8Array | undefined, error: Ending['error']): void {
    const step = this.#pending.get(number)
    if (!step) return
    if (error !== undefined) return this.#finish(step, { state: 'failed', error })
    void this.#withPayload(result ?? encodeValue(undefined, ''), (payload) =>
      this.#finish(step, { state: 'completed', result: payload }),
    )
  }

  cancelStep(number: number): void {
    const step = this.#pending.get(number)
    if (step) void this.#cancelOne(step, 'cancelled by the flow').then(() => this.#say([number]))
  }

  /** Ends everything that is outstanding as cancelled, down to what runs. */
  cancelAll(reason: string): void {
    if (this.#cancelled !== undefined) return
    this.#cancelled = reason
    this.#waiting.length = 0
    const ends = [...this.#pending.values()].map((step) => this.#cancelOne(step, reason))
    // Whoever hears it looks at the log: the outcomes must be there by then.
    void Promise.all(ends).then(() => this.#say(undefined))
  }

  view(limit: number): StepView[] {
    const views: StepView[] = []
    for (const step of this.#pending.values()) {
      if (views.length >= limit) break
      views.push(
        viewOf(step, this.#failures.get(step.step) ?? [], poolOf(step, this.#options.facts.requested)),
      )
    }
    return views
  }

  stop(): void {
    this.#stopped = true
    for (const step of this.#pending.values()) step.timer?.clear()
  }

  #begin(step: PendingStep): void {
    switch (step.kind) {
      case 'sleep':
        return this.#sleep(step)
      case 'side-effect':
        step.phase = 'effect'
        return this.#options.execute(step.step)
      case 'artifact':
        return this.#artifact(step)
      case 'drain':
        return void this.#drain(step)
      default:
        if (this.#commanded < WINDOW) this.#command(step)
        else {
          step.phase = 'window'
          this.#waiting.push(step)
        }
    }
  }

  #command(step: PendingStep): void {
    this.#commanded++
    step.phase = 'commanded'
    const { context, facts, takenOver, fail } = this.#options
    if (this.#stopped) return
    sendCommand(context, facts, step, takenOver).catch((error: unknown) => this.#stopped || fail(error))
  }

  #outcome(number: number, state: 'completed' | 'failed' | 'cancelled'): void {
    if (this.#outcomes.has(number)) return
    this.#outcomes.add(number)
    this.counts[state]++
    this.#failures.delete(number)
    const step = this.#pending.get(number)
    if (!step) return
    this.#pending.delete(number)
    step.timer?.clear()
    if (step.phase === 'commanded') this.#release()
  }

  #attempt({ step: number, attempt, at, body }: Extract<LogRecord, { kind: 'attempt' }>): void {
    const failures = this.#failures.get(number) ?? []
    if (this.#outcomes.has(number) || failures.some((each) => each.attempt === attempt)) return
    failures.push({ attempt, at, error: body.error, uncharged: body.uncharged ?? false })
    this.#failures.set(number, failures)
    const step = this.#pending.get(number)
    if (step?.phase !== 'commanded' || step.attempt !== attempt) return
    this.#release()
    this.#afterFailure(step)
  }

  #afterFailure(step: PendingStep): void {
    const failures = this.#failures.get(step.step) ?? []
    const decision = decideRetry(step.policy, failures, `${this.#options.facts.run}.${step.step}`)
    delete step.running
    delete step.device
    if (decision.next === 'fail') {
      step.phase = 'local'
      return this.#finish(step, {
        state: decision.error.code === 'CANCELLED' ? 'cancelled' : 'failed',
        error: decision.error,
      })
    }
    step.phase = 'retrying'
    step.attempt = decision.attempt
    this.#at(step, decision.dueAt, () => this.#begin(step))
  }

  // A waiting step that was cancelled meanwhile gives its place to the one behind it.
  #release(): void {
    this.#commanded--
    if (this.#commanded > REFILL_AT) return
    while (this.#commanded < WINDOW) {
      const next = this.#waiting.shift()
      if (next === undefined) return
      if (this.#pending.has(next.step)) this.#command(next)
    }
  }

  #sleep(step: PendingStep): void {
    step.phase = 'timer'
    const known = this.#timers.get(step.step)
    if (known !== undefined) return this.#at(step, known, () => this.#finish(step, { state: 'completed' }))
    const draft = timerDraft(this.#options.facts, step, Date.now())
    void this.#options.context.runs.create(draft).then(
      () => {
        const dueAt = Date.now() + (decodeValue(step.value) as number) * 1000
        this.#at(step, this.#timers.get(step.step) ?? dueAt, () => this.#finish(step, { state: 'completed' }))
      },
      () => {},
    )
  }

  #at(step: PendingStep, dueAt: number, then: () => void): void {
    if (this.#stopped || !this.#pending.has(step.step)) return
    step.dueAt = dueAt
    step.timer = setLongTimer(dueAt, () => {
      if (!this.#stopped && this.#pending.has(step.step)) then()
    })
  }

  #artifact(step: PendingStep): void {
    const { key, type, value } = decodeValue(step.value) as { key: string; type: 'json'; value: unknown }
    void this.#withPayload(encodeValue(value, `artifact ${JSON.stringify(key)}`), (payload) => {
      this.#finish(step, { state: 'completed', artifacts: [{ key, type, payload, at: Date.now() }] })
      this.#options.context.actor.emit({
        noun: 'artifact',
        verb: 'created',
        run: this.#options.facts.run,
        id: `${step.step}`,
        data: { key, type },
      })
    })
  }

  async #drain(step: PendingStep): Promise<void> {
    const wanted = (): boolean => !this.#stopped && this.#pending.has(step.step)
    const { nc } = this.#options.context.actor.bus
    if (await drainDevice(nc, decodeValue(step.value) as string, wanted))
      this.#finish(step, { state: 'completed' })
  }

  #cancelOne(step: PendingStep, reason: string): Promise<void> {
    step.timer?.clear()
    if (step.kind === 'flow')
      cancelRun(
        this.#options.context,
        childOf(this.#options.facts.run, step),
        this.#options.facts.run,
        reason,
      )
    return this.#record(step, {
      state: 'cancelled',
      error: toFailure(new CancelledError(reason), 'CANCELLED'),
    })
  }

  #finish(step: PendingStep, ending: Ending): void {
    void this.#record(step, ending)
  }

  async #record(step: PendingStep, ending: Ending): Promise<void> {
    const { context, facts } = this.#options
    if (this.#stopped || !context.leaseHolds()) return
    const by = { writer: context.actor.id, node: context.actor.host }
    await context.runs.create(outcomeDraft(facts, step, ending, by, Date.now())).catch(() => {})
  }

  async #withPayload(bytes: Uint8Array, then: (payload: Payload) => void): Promise<void> {
    const payload = this.#options.context.actor.blobs.toPayload(bytes)
    if (!(payload instanceof Promise)) return then(payload)
    try {
      then(await payload)
    } catch (error) {
      if (!this.#stopped) this.#options.fail(error)
    }
  }

  #say(steps: number[] | undefined): void {
    try {
      this.#options.context.actor.bus.nc.publish(
        subject.control(this.#options.facts.run),
        encode(steps === undefined ? {} : { steps }),
      )
    } catch {}
  }
}
