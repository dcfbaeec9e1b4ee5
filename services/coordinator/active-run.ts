/**
 * One run that this coordinator holds: accepts it or takes it over, gives the flow what the log holds, in order, and
 * writes its end. Whatever happens to this process, the log is enough for another one to go on.
 */
import type { Delivery } from '#shared/bus/delivery.ts'
import { readAll, readLast } from '#shared/bus/direct.ts'
import { cloudHeaders } from '#shared/bus/headers.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { type Failure, toFailure } from '#shared/contract/failure.ts'
import type { LiveRun } from '#shared/contract/query.ts'
import { CompletedRecord, type RequestedRecord } from '#shared/contract/run-record.ts'
import type { StepOutcome } from '#shared/contract/step-record.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { record, subject } from '#shared/contract/subjects.ts'
import { decode, encode } from '#shared/wire/message.ts'
import type { CoordinatorContext } from './context.ts'
import { fromStored, type LogRecord } from './log-record.ts'
import { tellParent } from './parent.ts'
import { RunSteps } from './run-steps.ts'
import type { FlowEnd, FromThread, LogItem, RunKey } from './thread/protocol.ts'

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

type FlowLog = Extract<FromThread, { type: 'log' }>

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
  #order: Promise<void> | undefined
  #ending = false
  #gone = false
  #strikes = 0
  #timeout: NodeJS.Timeout | undefined
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
      const completed = await this.#readLog()
      if (this.#gone) return
      if (completed) return this.#close(completed)
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
        return this.#log(message)
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
    clearTimeout(this.#timeout)
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

  // The feed was open before this began: what comes twice is known by its sequence.
  async #readLog(): Promise<CompletedRecord | undefined> {
    const { nc } = this.#options.context.actor.bus
    const read: LogRecord[] = []
    let completed: CompletedRecord | undefined
    for await (const page of readAll(nc, STREAM.runs, record(this.run).all)) {
      for (const stored of page) {
        const entry = fromStored(stored)
        if (entry === undefined) continue
        if (entry.kind === 'completed') completed = entry.body
        read.push(entry)
      }
    }
    if (completed === undefined) this.#early = read.concat(this.#early ?? [])
    return completed
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
    const early = this.#early ?? []
    this.#early = undefined
    for (const entry of early) this.#apply(entry)
    this.#armTimeout()
    this.#emit('started', { flow: requested.flow, name: requested.name, coordinator: context.actor.id })
  }

  #armTimeout(): void {
    const { timeoutSeconds, acceptedAt } = this.#options.requested
    if (timeoutSeconds === undefined) return
    const left = acceptedAt + timeoutSeconds * 1000 - Date.now()
    this.#timeout = setTimeout(
      () => {
        if (left > 2 ** 31 - 1) return this.#armTimeout()
        this.fail(new QubusError('RUN_TIMEOUT', `the run took longer than its ${timeoutSeconds} s`))
      },
      Math.min(Math.max(left, 0), 2 ** 31 - 1),
    )
  }

  #apply(entry: LogRecord): void {
    if (entry.sequence <= this.#last || this.#gone) return
    this.#last = entry.sequence
    this.#steps.recorded(entry)
    switch (entry.kind) {
      case 'completed':
        return void this.#close(entry.body)
      case 'cancel': {
        const reason = entry.body.reason ?? `cancelled by ${entry.body.by}`
        this.#give({ kind: 'cancel', at: entry.at, reason })
        return this.#steps.cancelAll(reason)
      }
      case 'attempt':
        return this.#give({ kind: 'attempt', step: entry.step, at: entry.at })
      case 'outcome':
        return this.#give(this.#toItem(entry.step, entry.at, entry.body))
    }
  }

  #toItem(
    step: number,
    at: number,
    { state, digest, name, result, error }: StepOutcome,
  ): LogItem | Promise<LogItem> {
    const item = {
      kind: 'outcome' as const,
      step,
      at,
      state,
      digest,
      name,
      ...(error === undefined ? {} : { error }),
    }
    if (result === undefined) return item
    const bytes = this.#options.context.actor.blobs.fromPayload(result)
    return bytes instanceof Promise
      ? bytes.then((read) => ({ ...item, result: read }))
      : { ...item, result: bytes }
  }

  // In log order: an item whose blob must be fetched holds back those behind it. One that comes after the run was
  // moved to another thread is dropped: that thread is given the log anew.
  #give(item: LogItem | Promise<LogItem>): void {
    const key = this.#key
    if (this.#order === undefined && !(item instanceof Promise)) return this.#send(key, item)
    const order = (this.#order ?? Promise.resolve())
      .then(async () => this.#send(key, await item))
      .catch((error: unknown) => this.fail(error))
      .then(() => {
        if (this.#order === order) this.#order = undefined
      })
    this.#order = order
  }

  #send(key: RunKey | undefined, item: LogItem): void {
    if (key !== undefined && key === this.#key)
      this.#options.context.threads.send(key, { type: 'items', key, items: [item] })
  }

  #log({ step, first, lines }: FlowLog): void {
    lines.forEach(
      (line, i) =>
        void this.#options.context.logs.create(logDraft(this.run, step, first + i, line)).catch(() => {}),
    )
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
      const completed: CompletedRecord = {
        state: end.state,
        ...(end.result === undefined ? {} : { result: await context.actor.blobs.toPayload(end.result) }),
        ...(end.error === undefined ? {} : { error: end.error }),
        steps: end.steps,
        startedAt: requested.acceptedAt,
        endedAt: Date.now(),
        writer: context.actor.id,
      }
      const creation = await context.runs.create({
        subject: record(this.run).completed,
        body: encode(completed),
        headers: this.#headers(end.state),
      })
      await this.#close(creation === 'stored' ? completed : await this.#readCompleted(completed))
    } catch (error) {
      context.actor.log.error({ err: error, run: this.run }, 'the end of a run could not be written')
      this.abandon()
    }
  }

  async #readCompleted(mine: CompletedRecord): Promise<CompletedRecord> {
    const stored = await readLast(this.#options.context.actor.bus.nc, STREAM.runs, record(this.run).completed)
    return stored === undefined ? mine : decode(CompletedRecord, stored.data)
  }

  // `completed` is on disk, whoever wrote it: the parent is told, and only then is the request acked.
  async #close(completed: CompletedRecord): Promise<void> {
    if (this.#gone) return
    const { context, requested } = this.#options
    await tellParent(context, requested, this.run, completed)
    if (this.#gone) return
    this.reportProgress()
    if (context.leaseHolds()) this.delivery.ack()
    const { state, steps, startedAt, endedAt, error } = completed
    const failure: Failure | undefined = error
    this.#emit(state, {
      flow: requested.flow,
      name: requested.name,
      steps,
      seconds: (endedAt - startedAt) / 1000,
      ...(failure === undefined ? {} : { error: { code: failure.code, message: failure.message } }),
    })
    this.abandon()
  }

  #emit(verb: string, data: Record<string, unknown>): void {
    this.#options.context.actor.emit({ noun: 'run', verb, run: this.run, id: this.run, data })
  }

  #headers(state: string) {
    return cloudHeaders({
      type: `qubus.run.${state}`,
      id: this.run,
      source: `/qubus/coordinator/${this.#options.context.actor.id}`,
      time: Date.now(),
    })
  }
}

function logDraft(run: string, step: number, index: number, line: FlowLog['lines'][number]) {
  // Step 0 is the flow itself; the line's number makes it one thing, so a replay does not repeat it.
  return {
    subject: subject.log(run, step, index),
    body: encode({ writer: 'flow', seq: index, lines: [line] }),
  }
}
