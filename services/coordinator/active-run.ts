/**
 * One run that this coordinator holds: accepts it or takes it over, gives the flow what the log holds, in order, and
 * writes its end. Whatever happens to this process, the log is enough for another one to go on.
 */
import type { Delivery } from '#shared/bus/delivery.ts'
import type { Stored } from '#shared/bus/direct.ts'
import { CancelledError, QubusError } from '#shared/contract/errors.ts'
import { type Failure, toFailure } from '#shared/contract/failure.ts'
import type { LiveRun } from '#shared/contract/query.ts'
import type { CompletedRecord, FlowAttemptRecord, RequestedRecord } from '#shared/contract/run-record.ts'
import type { Timer } from './clock.ts'
import type { CoordinatorContext } from './context.ts'
import { FIRST_ATTEMPT, type FlowAttempt, nextAttemptAt } from './flow-attempt.ts'
import { lineDrafts } from './flow-log.ts'
import { type ItemOrder, itemOrder, reasonOf } from './item-order.ts'
import { fromStored, type LogRecord } from './log-record.ts'
import { tellParent } from './parent.ts'
import { openReuse } from './reuse/reuse.ts'
import { inheritanceOf, standingOf, writeAttempt } from './run-attempts.ts'
import type { Running } from './steps/pending-step.ts'
import { RunSteps } from './steps/run-steps.ts'
import { packItems, unpackSteps } from './thread/compact.ts'
import type { FlowEnd, FromThread, LogItem, RunKey } from './thread/protocol.ts'
import { endFacts, writeEnd } from './write-end.ts'

export type ActiveRunOptions = {
  context: CoordinatorContext
  requested: RequestedRecord
  run: string
  delivery: Delivery
  /** The run is over, or somebody else's; nothing more will come from it. */
  onGone(run: string): void
}

const STRIKES = 2
const HAND_BACK_MS = 1_000
const SHOWN_STEPS = 1000

export class ActiveRun {
  /** The lease: the flow request that this run holds un-acked. */
  delivery: Delivery
  readonly run: string
  readonly #options: ActiveRunOptions
  #steps: RunSteps | undefined
  #key: RunKey | undefined
  #attempt: FlowAttempt = FIRST_ATTEMPT
  #last = 0
  /** What the feed brings while the log is being read. */
  #early: LogRecord[] | undefined = []
  #items: ItemOrder | undefined
  #ending = false
  #gone = false
  #strikes = 0
  #timeout: Timer | undefined
  #pause: Timer | undefined
  #waiting: string | undefined
  #ended: FlowEnd | undefined
  #reported = ''

  constructor(options: ActiveRunOptions) {
    this.#options = options
    this.run = options.run
    this.delivery = options.delivery
  }

  get key(): RunKey | undefined {
    return this.#key
  }

  /** Starts the flow. `fresh`: the log holds nothing but the request. */
  async begin(fresh: boolean): Promise<void> {
    const { context, requested } = this.#options
    if (!fresh) {
      const { attempt, failed, cancelled, completed } = await standingOf(context, this.run)
      if (this.#gone) return
      if (completed) return this.#close(completed)
      this.#attempt = attempt
      if (failed && cancelled) return this.#cancelBetweenAttempts(reasonOf(cancelled))
      if (failed && failed.dueAt > context.clock.now()) return this.#pauseUntil(failed)
    }
    const { timeoutSeconds, acceptedAt } = requested
    if (timeoutSeconds !== undefined)
      this.#timeout ??= context.clock.at(acceptedAt + timeoutSeconds * 1000, () =>
        this.fail(new QubusError('RUN_TIMEOUT', `the run took longer than its ${timeoutSeconds} s`)),
      )
    await this.#startFlow(!fresh)
  }

  /** Ends the run before its flow started: the request can't be served. */
  refuse(error: Failure): Promise<void> {
    this.#early = undefined
    return this.#end({ state: 'failed', error, steps: 0 })
  }

  /** What the feed brings of this run. */
  onRecord(entry: LogRecord): void {
    if (this.#gone) return
    if (this.#pause && entry.kind === 'cancel') void this.#cancelBetweenAttempts(reasonOf(entry.body))
    else if (this.#early) this.#early.push(entry)
    else this.#apply(entry)
  }

  onMessage(message: FromThread & { key: RunKey }): void {
    if (this.#gone || message.key !== this.#key) return
    const steps = this.#steps as RunSteps
    switch (message.type) {
      case 'steps':
        for (const step of unpackSteps(message.steps)) steps.want(step)
        return
      case 'range':
        return steps.wantRange(message.range)
      case 'cancel-step':
        return steps.cancelStep(message.step)
      case 'stop-range':
        return steps.stopRange(message.first, message.all)
      case 'effect':
        return steps.effect(message.step, message.result, message.error)
      case 'log':
        for (const draft of lineDrafts(this.run, message)) this.#options.context.log(draft)
        return
      case 'mark':
        return this.#items?.marked(message.mark)
      case 'end':
        return this.#flowEnds(message.end)
    }
  }

  /** The thread that ran it is gone or stuck: runs it again from the log, in another. */
  moved(culprit: boolean, why: string): void {
    if (this.#gone || this.#ending) return
    this.#key = undefined
    if (culprit && ++this.#strikes >= STRIKES) {
      return this.fail(
        new QubusError('FLOW_STALLED', `the flow ended or blocked its thread ${STRIKES} times: ${why}`),
      )
    }
    this.#again()
  }

  /** Ends the run as failed, for a reason outside of its flow. */
  fail(error: unknown): void {
    void this.#end({ state: 'failed', error: toFailure(error, 'INTERNAL'), steps: this.#asked })
  }

  heard(step: number, running: Running, forMs: number): void {
    this.#steps?.heard(step, running, forMs)
  }

  admitted(step: number): void {
    this.#steps?.admitted(step)
  }

  /** Sends commands again that the broker may have lost. */
  async repeat(olderMs: number): Promise<void> {
    await this.#steps?.repeat(olderMs)
  }

  view(): LiveRun {
    const { context, requested } = this.#options
    const { flow, name, acceptedAt } = requested
    const counts = this.#steps?.counts
    return {
      run: this.run,
      flow,
      name,
      coordinator: context.id,
      startedAt: acceptedAt,
      requested: counts?.requested ?? 0,
      completed: counts?.completed ?? 0,
      failed: counts?.failed ?? 0,
      outstanding: this.#steps?.outstanding ?? 0,
      ...(this.#waiting === undefined ? {} : { waiting: this.#waiting }),
      steps: this.#steps?.view(SHOWN_STEPS) ?? [],
    }
  }

  /** Says how far it is, when that has changed. */
  reportProgress(): void {
    if (this.#steps === undefined || this.#gone) return
    const { counts, outstanding } = this.#steps
    const now = `${counts.requested} ${counts.completed} ${counts.failed} ${counts.cancelled}`
    if (now === this.#reported) return
    this.#reported = now
    this.#emit('progress', { ...counts, outstanding })
  }

  /** Lets go without a word to the broker: the lease is somebody else's. */
  abandon(): void {
    if (this.#gone) return
    this.#gone = true
    this.#timeout?.clear()
    this.#halt()
    this.#options.onGone(this.run)
  }

  /** How many steps the flow has asked for, over all its attempts. */
  get #asked(): number {
    return this.#attempt.base + (this.#steps?.counts.requested ?? 0)
  }

  async #startFlow(takenOver: boolean): Promise<void> {
    const { context, requested } = this.#options
    const facts = { run: this.run, requested }
    const { attempt, base } = this.#attempt
    const steps = new RunSteps({
      context,
      facts,
      takenOver,
      base,
      reuse: openReuse(context, facts, inheritanceOf(context, facts, this.#attempt)),
      execute: (step) => this.#tell((key) => ({ type: 'execute', key, step })),
      cut: (first, count) => this.#items?.cut(first, count),
      fail: (error) => this.#trouble(error),
    })
    this.#steps = steps
    try {
      const file = await context.bundles.fileOf(requested.bundle, requested.sourceRoot)
      const params = await context.blobs.fromPayload(requested.payload)
      if (this.#gone || this.#steps !== steps) return
      const bundle = { file, flow: requested.flow }
      const origin = requested.origin ?? { run: this.run, at: requested.acceptedAt }
      this.#key = context.threads.start({
        run: this.run,
        bundle,
        params,
        origin,
        attempt,
        base,
        replay: takenOver,
      })
    } catch (error) {
      if (isPassing(error)) throw error
      return this.#end({ state: 'failed', error: toFailure(error, 'BUNDLE_FAILED'), steps: base })
    }
    this.#waiting = undefined
    this.#items = this.#itemsFor(this.#key)
    this.#emit('started', {
      flow: requested.flow,
      name: requested.name,
      coordinator: context.id,
      ...(attempt > 1 ? { attempt } : {}),
    })
    if (takenOver && !(await this.#readLog(steps))) return
    const early = this.#early ?? []
    this.#early = undefined
    for (const entry of early) this.#apply(entry)
    if (this.#steps !== steps) return
    steps.logRead()
    if (this.#ended) this.#flowEnds(this.#ended)
  }

  // Piece by piece, so that a log of any length takes little memory. The feed was open before this began: what comes
  // twice is known by its sequence.
  async #readLog(steps: RunSteps): Promise<boolean> {
    for await (const page of this.#options.context.store.read(this.run)) {
      if (this.#gone || this.#steps !== steps) return false
      for (const stored of page as Stored[]) {
        const entry = fromStored(stored)
        if (entry) this.#apply(entry)
      }
      await this.#items?.taken()
    }
    return !this.#gone && this.#steps === steps
  }

  // What comes after the run was moved to another thread is dropped: that thread is given the log anew.
  #itemsFor(key: RunKey): ItemOrder {
    const { blobs, threads } = this.#options.context
    const send = (items: LogItem[]): void => {
      if (key === this.#key) threads.send(key, { type: 'items', key, items: packItems(items) })
    }
    return itemOrder(blobs, send, (error) => this.#trouble(error))
  }

  #apply(entry: LogRecord): void {
    if (entry.sequence <= this.#last || this.#gone) return
    this.#last = entry.sequence
    if (entry.kind === 'completed') return void this.#close(entry.body)
    if (entry.kind === 'flow-attempt') return this.#nextAttempt(entry)
    this.#steps?.recorded(entry)
    if (!('step' in entry) || entry.step > this.#attempt.base) this.#items?.give(entry)
    if (entry.kind === 'cancel') void this.#steps?.cancelAll(reasonOf(entry.body))
  }

  // Its record is in the log: from here on the run is in its next attempt, whoever holds it.
  #nextAttempt({ attempt, body }: Extract<LogRecord, { kind: 'flow-attempt' }>): void {
    if (attempt < this.#attempt.attempt) return
    this.#attempt = { attempt: attempt + 1, base: body.base, previousBase: this.#attempt.base }
    this.#halt()
    this.#ending = false
    const { code, message } = body.error
    this.#emit('retrying', { attempt, dueAt: body.dueAt, error: { code, message } })
    this.#pauseUntil(body)
  }

  #pauseUntil({ dueAt, error }: Pick<FlowAttemptRecord, 'dueAt' | 'error'>): void {
    this.#waiting = `attempt ${this.#attempt.attempt} of the flow starts at ${new Date(dueAt).toISOString()}; the last one failed: ${error.code}: ${error.message}`
    this.#pause = this.#options.context.clock.at(dueAt, () => this.#again())
  }

  #cancelBetweenAttempts(reason: string): Promise<void> {
    const error = toFailure(new CancelledError(reason), 'CANCELLED')
    return this.#end({ state: 'cancelled', error, steps: this.#asked })
  }

  #again(): void {
    this.#halt()
    this.#last = 0
    this.#early = []
    this.begin(false).catch((error: unknown) => this.#letGo(error))
  }

  /** Ends what runs of it here. */
  #halt(): void {
    this.#pause?.clear()
    this.#pause = undefined
    this.#ended = undefined
    this.#steps?.stop()
    this.#steps = undefined
    this.#items = undefined
    if (this.#key) this.#options.context.threads.drop(this.#key)
    this.#key = undefined
  }

  #tell(message: (key: RunKey) => Parameters<CoordinatorContext['threads']['send']>[1]): void {
    if (this.#key) this.#options.context.threads.send(this.#key, message(this.#key))
  }

  #trouble(error: unknown): void {
    if (isPassing(error)) this.#letGo(error)
    else this.fail(error)
  }

  // The request goes back: whoever gets it begins anew.
  #letGo(error: unknown): void {
    if (this.#gone) return
    this.#options.context.warn(
      { err: error, run: this.run },
      'a run could not be begun again and was handed back',
    )
    const { delivery } = this
    const mine = this.#options.context.leaseHolds()
    this.abandon()
    if (mine) delivery.nak(HAND_BACK_MS)
  }

  // A replay may come to its end before the log is read: what is still in it comes first.
  #flowEnds(end: FlowEnd): void {
    if (this.#early) this.#ended = end
    else void this.#afterFlow(end)
  }

  async #afterFlow(end: FlowEnd): Promise<void> {
    const { context, requested } = this.#options
    const dueAt = nextAttemptAt(end, this.#attempt.attempt, requested.retry, context.clock.now())
    if (dueAt === undefined) return this.#end(end)
    if (this.#ending || this.#gone || !context.leaseHolds()) return
    this.#ending = true
    // What the failed attempt left under way is no part of the next one.
    await this.#steps?.cancelAll('the flow is tried again')
    await writeAttempt(context, this.run, this.#attempt.attempt, end, dueAt).catch((error: unknown) =>
      this.#letGo(error),
    )
  }

  async #end(end: FlowEnd): Promise<void> {
    if (this.#ending || this.#gone || !this.#options.context.leaseHolds()) return
    this.#ending = true
    if (end.state !== 'completed') void this.#steps?.cancelAll(end.error?.message ?? end.state)
    const { context, requested } = this.#options
    try {
      await this.#close(await writeEnd(context, this.run, requested, end, this.#attempt.attempt))
    } catch (error) {
      context.warn({ err: error, run: this.run }, 'the end of a run could not be written')
      this.abandon()
    }
  }

  // `completed` is on disk, whoever wrote it: the parent is told, and only then is the request acked.
  async #close(completed: CompletedRecord): Promise<void> {
    if (this.#gone) return
    const { context, requested } = this.#options
    await tellParent(context, requested, this.run, completed)
    if (this.#gone) return
    this.reportProgress()
    if (context.leaseHolds()) this.delivery.ack()
    this.#emit(completed.state, endFacts(requested, completed))
    this.abandon()
  }

  #emit(verb: string, data: Record<string, unknown>): void {
    this.#options.context.emit({ noun: 'run', verb, run: this.run, id: this.run, data })
  }
}

// A broker that does not answer now is no fault of the run's: the log is enough to go on with later.
function isPassing(error: unknown): boolean {
  const { code, facts } = toFailure(error, 'INTERNAL')
  return code === 'UNREACHABLE' || (code === 'STREAM_FULL' && facts?.['never'] !== true)
}
