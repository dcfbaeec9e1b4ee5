/**
 * One run that this coordinator holds: accepts it or takes it over, gives the flow what the log holds, in order, and
 * writes its end. Whatever happens to this process, the log is enough for another one to go on.
 */
import type { Delivery } from '#shared/bus/delivery.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { type Failure, toFailure } from '#shared/contract/failure.ts'
import type { LiveRun } from '#shared/contract/query.ts'
import type { CompletedRecord, RequestedRecord } from '#shared/contract/run-record.ts'
import type { CoordinatorContext } from './context.ts'
import { lineDrafts } from './flow-log.ts'
import { type ItemOrder, itemOrder, reasonOf } from './item-order.ts'
import type { LogRecord } from './log-record.ts'
import { type LongTimer, setLongTimer } from './long-timer.ts'
import { tellParent } from './parent.ts'
import { readRunLog } from './read-run-log.ts'
import { RunSteps } from './run-steps.ts'
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

export class ActiveRun {
  /** The lease: the flow request that this run holds un-acked. */
  delivery: Delivery
  readonly run: string
  readonly #options: ActiveRunOptions
  #steps: RunSteps
  #key: RunKey | undefined
  #last = 0
  /** What the feed brings while the log is being read. */
  #early: LogRecord[] | undefined = []
  #items: ItemOrder | undefined
  #ending = false
  #gone = false
  #strikes = 0
  #timeout: LongTimer | undefined
  #reported = ''

  constructor(options: ActiveRunOptions) {
    this.#options = options
    this.run = options.run
    this.delivery = options.delivery
    this.#steps = this.#newSteps(false)
  }

  get key(): RunKey | undefined {
    return this.#key
  }

  /** Starts the flow. `fresh`: the log holds nothing but the request, which was `accepted` at that sequence. */
  async begin(fresh: boolean): Promise<void> {
    if (!fresh) {
      this.#steps = this.#newSteps(true)
      const { entries, completed } = await readRunLog(this.#options.context.actor.bus.nc, this.run)
      if (this.#gone) return
      if (completed) return this.#close(completed)
      // The feed was open before this began: what comes twice is known by its sequence.
      this.#early = entries.concat(this.#early ?? [])
    }
    await this.#startFlow()
  }

  /** Ends the run before its flow started: the request can't be served. */
  refuse(error: Failure): Promise<void> {
    this.#early = undefined
    return this.#end({ state: 'failed', error, steps: 0 })
  }

  /** What the feed brings of this run. */
  onRecord(entry: LogRecord): void {
    if (this.#gone) return
    if (this.#early) this.#early.push(entry)
    else this.#apply(entry)
  }

  onMessage(message: FromThread & { key: RunKey }): void {
    if (this.#gone || message.key !== this.#key) return
    switch (message.type) {
      case 'steps':
        for (const step of message.steps) this.#steps.want(step)
        return
      case 'cancel-step':
        return this.#steps.cancelStep(message.step)
      case 'effect':
        return this.#steps.effect(message.step, message.result, message.error)
      case 'log':
        for (const draft of lineDrafts(this.run, message))
          this.#options.context.logs.create(draft).catch(() => {})
        return
      case 'end':
        return void this.#end(message.end)
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
    this.#steps.stop()
    this.#last = 0
    this.#early = []
    this.begin(false).catch((error: unknown) => this.#letGo(error))
  }

  /** Ends the run as failed, for a reason outside of its flow. */
  fail(error: unknown): void {
    void this.#end({
      state: 'failed',
      error: toFailure(error, 'INTERNAL'),
      steps: this.#steps.counts.requested,
    })
  }

  heard(step: number, running: { at: number; node: string; job?: string | undefined }): void {
    this.#steps.heard(step, running)
  }

  view(): LiveRun {
    const { flow, name, acceptedAt } = this.#options.requested
    const { requested, completed, failed } = this.#steps.counts
    return {
      run: this.run,
      flow,
      name,
      coordinator: this.#options.context.actor.id,
      startedAt: acceptedAt,
      requested,
      completed,
      failed,
      outstanding: this.#steps.outstanding,
      steps: this.#steps.view(1000),
    }
  }

  /** Says how far it is, when that has changed. */
  reportProgress(): void {
    const { counts, outstanding } = this.#steps
    const now = `${counts.requested} ${counts.completed} ${counts.failed} ${counts.cancelled}`
    if (now === this.#reported || this.#gone) return
    this.#reported = now
    this.#emit('progress', { ...counts, outstanding })
  }

  /** Lets go without a word to the broker: the lease is somebody else's. */
  abandon(): void {
    if (this.#gone) return
    this.#gone = true
    this.#timeout?.clear()
    this.#steps.stop()
    if (this.#key) this.#options.context.threads.drop(this.#key)
    this.#options.onGone(this.run)
  }

  #newSteps(takenOver: boolean): RunSteps {
    return new RunSteps({
      context: this.#options.context,
      facts: { run: this.run, requested: this.#options.requested },
      takenOver,
      execute: (step) =>
        this.#key && this.#options.context.threads.send(this.#key, { type: 'execute', key: this.#key, step }),
      fail: (error) => this.fail(error),
    })
  }

  async #startFlow(): Promise<void> {
    const { context, requested } = this.#options
    try {
      const file = await context.bundles.fileOf(requested.bundle, requested.sourceRoot)
      const params = await context.actor.blobs.fromPayload(requested.payload)
      if (this.#gone) return
      this.#key = context.threads.start(
        this.run,
        { file, flow: requested.flow },
        params,
        requested.acceptedAt,
      )
    } catch (error) {
      return this.#end({ state: 'failed', error: toFailure(error, 'BUNDLE_FAILED'), steps: 0 })
    }
    this.#items = this.#itemsFor(this.#key)
    const early = this.#early ?? []
    this.#early = undefined
    for (const entry of early) this.#apply(entry)
    const { timeoutSeconds, acceptedAt } = requested
    if (timeoutSeconds !== undefined)
      this.#timeout = setLongTimer(acceptedAt + timeoutSeconds * 1000, () =>
        this.fail(new QubusError('RUN_TIMEOUT', `the run took longer than its ${timeoutSeconds} s`)),
      )
    this.#emit('started', { flow: requested.flow, name: requested.name, coordinator: context.actor.id })
  }

  // What comes after the run was moved to another thread is dropped: that thread is given the log anew.
  #itemsFor(key: RunKey): ItemOrder {
    const { actor, threads } = this.#options.context
    const send = (item: LogItem): void => {
      if (key === this.#key) threads.send(key, { type: 'items', key, items: [item] })
    }
    return itemOrder(actor.blobs, send, (error) => this.fail(error))
  }

  #apply(entry: LogRecord): void {
    if (entry.sequence <= this.#last || this.#gone) return
    this.#last = entry.sequence
    this.#steps.recorded(entry)
    if (entry.kind === 'completed') return void this.#close(entry.body)
    this.#items?.give(entry)
    if (entry.kind === 'cancel') this.#steps.cancelAll(reasonOf(entry.body))
  }

  // The request goes back: whoever gets it begins anew.
  #letGo(error: unknown): void {
    if (this.#gone) return
    this.#options.context.actor.log.warn(
      { err: error, run: this.run },
      'a run could not be begun again and was handed back',
    )
    const { delivery } = this
    this.abandon()
    delivery.nak(HAND_BACK_MS)
  }

  async #end(end: FlowEnd): Promise<void> {
    if (this.#ending || this.#gone || !this.#options.context.leaseHolds()) return
    this.#ending = true
    if (end.state !== 'completed') this.#steps.cancelAll(end.error?.message ?? end.state)
    const { context, requested } = this.#options
    try {
      await this.#close(await writeEnd(context, this.run, requested, end))
    } catch (error) {
      context.actor.log.error({ err: error, run: this.run }, 'the end of a run could not be written')
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
    this.#options.context.actor.emit({ noun: 'run', verb, run: this.run, id: this.run, data })
  }
}
