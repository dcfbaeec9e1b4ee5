/**
 * The commands that this worker was given. Each is asked about first: the log decides whether it is still wanted.
 * Then it waits for a slot, is executed, recorded, and only then acked.
 */

import type { Actor } from '#shared/actor/actor.ts'
import { type Ask, MAX_LOSSES } from '#shared/actor/ask-first.ts'
import type { Freshness } from '#shared/actor/freshness.ts'
import { attemptDraft, lostDraft, outcomeDraft, type Place, type Times } from '#shared/actor/step-records.ts'
import type { BundleCache } from '#shared/bundle/bundle-cache.ts'
import type { Delivery } from '#shared/bus/delivery.ts'
import type { Publisher } from '#shared/bus/publisher.ts'
import type { TaskCommand } from '#shared/contract/command.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { toFailure } from '#shared/contract/failure.ts'
import type { Payload } from '#shared/contract/payload.ts'
import type { Artifact } from '#shared/contract/step-record.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { type HeldTask, holdTask } from './held-task.ts'
import { holdLimit, meanAfter } from './pace.ts'
import type { Executed, Slots } from './slots.ts'

export type HandOptions = {
  actor: Pick<Actor, 'id' | 'host' | 'job' | 'log' | 'blobs' | 'bury'>
  ask: Ask
  fresh: Pick<Freshness, 'isFresh' | 'goesOn'>
  bundles: BundleCache
  /** Writes to `RUNS`. */
  records: Pick<Publisher, 'create'>
  /** More commands may be taken now. */
  onRoom(): void
}

/** After a read or write of the log failed: the broker is busy with something worse. */
const HAND_BACK_MS = 1_000

export class TasksInHand {
  readonly #options: HandOptions
  readonly #held = new Map<string, HeldTask>()
  /** How many of each shape are held, and how long one took lately, in milliseconds. */
  readonly #counts = new Map<string, number>()
  readonly #means = new Map<string, number>()
  /** Where bundles are that were fetched. */
  readonly #files = new Map<string, string>()
  #slots: Pick<Slots, 'queue'> | undefined
  #closed = false
  #onEmpty: (() => void) | undefined

  constructor(options: HandOptions) {
    this.#options = options
  }

  /** Where commands go once they are wanted. */
  connect(slots: Pick<Slots, 'queue'>): void {
    this.#slots = slots
  }

  /**
   * How many more commands of the shape this worker should be given.
   * @param slots how many of them can run at once, those that run already among them.
   */
  roomFor(shape: string, slots: number): number {
    if (this.#closed) return 0
    return holdLimit(slots, this.#means.get(shape)) - (this.#counts.get(shape) ?? 0)
  }

  *[Symbol.iterator](): Iterator<HeldTask> {
    yield* this.#held.values()
  }

  accept(batch: Delivery[]): void {
    for (const delivery of batch) {
      if (this.#closed) delivery.nak()
      else this.#hold(delivery)
    }
  }

  /** An execution came to this: it is recorded, then the command is acked. */
  executed(task: HeldTask, executed: Executed): void {
    this.#means.set(task.shape, meanAfter(this.#means.get(task.shape), executed.ms))
    // What ended late, after its time-out was recorded, comes to nothing.
    if (isAnswered(task) || task.state === 'recording') return
    task.state = 'recording'
    this.#record(task, executed).then(
      () => this.#answer(task),
      (error: unknown) => this.#handBack(task, error),
    )
  }

  /** Asks the log again about what is in hand: of one run, or of all that is held longer than `olderMs`. */
  askAgain(of: { run?: string; olderMs?: number }): void {
    const before = performance.now() - (of.olderMs ?? 0)
    for (const task of this.#held.values()) {
      if (task.state === 'recording' || task.state === 'asking' || task.heldSince > before) continue
      if (of.run !== undefined && of.run !== task.id.run) continue
      this.#options.ask({ ...task.id, again: false }).then(
        (verdict) => verdict.wanted || this.#drop(task, verdict.why),
        () => {},
      )
    }
  }

  /** Takes nothing more and gives back what has not begun; resolves when the rest is answered. */
  async close(): Promise<void> {
    this.#closed = true
    for (const task of [...this.#held.values()]) {
      if (task.state === 'asking' || task.state === 'queued') this.#giveBackUnbegun(task)
    }
    if (this.#held.size > 0) await new Promise<void>((resolve) => (this.#onEmpty = resolve))
  }

  /** Gives back everything, and ends what runs. */
  abandon(why: string): void {
    this.#closed = true
    for (const task of [...this.#held.values()]) {
      this.#giveBack(task)
      task.end?.(new QubusError('CANCELLED', why))
    }
  }

  #hold(delivery: Delivery): void {
    let task: HeldTask
    try {
      task = holdTask(delivery)
    } catch (error) {
      this.#options.actor.bury(STREAM.tasks, delivery, error).catch(() => delivery.nak(HAND_BACK_MS))
      return
    }
    const present = this.#held.get(task.key)
    if (present !== undefined) {
      // Delivered again to its holder: it runs already, only the answer goes to the new delivery.
      present.delivery = delivery
      return
    }
    this.#held.set(task.key, task)
    this.#counts.set(task.shape, (this.#counts.get(task.shape) ?? 0) + 1)
    if (this.#prepareAtOnce(task)) return this.#queue(task)
    this.#prepare(task).then(
      (ready) => ready && task.state === 'asking' && this.#queue(task),
      (error: unknown) => this.#handBack(task, error),
    )
  }

  // The usual case: nobody had it before, and everything that it needs is here.
  #prepareAtOnce(task: HeldTask): boolean {
    const { command, delivery, id } = task
    if (!this.#options.fresh.isFresh(delivery, id.run)) return false
    const file = command.kind === 'task' ? this.#files.get(fileKey(command)) : ''
    if (file === undefined || !('inline' in command.payload)) return false
    task.material = { file, value: command.payload.inline }
    return true
  }

  async #prepare(task: HeldTask): Promise<boolean> {
    const { ask, bundles, actor } = this.#options
    const verdict = await ask({ ...task.id, again: task.again })
    if (!verdict.wanted) {
      this.#drop(task, verdict.why)
      return false
    }
    this.#options.fresh.goesOn(task.id.run)
    if (task.again && !(await this.#takeUpAgain(task, verdict.losses))) return false
    const { command } = task
    try {
      const value = actor.blobs.fromPayload(command.payload)
      let file = ''
      if (command.kind === 'task') {
        file = await bundles.fileOf(command.bundle, command.sourceRoot)
        this.#files.set(fileKey(command), file)
      }
      task.material = { file, value: value instanceof Promise ? await value : value }
      return true
    } catch (error) {
      const now = Date.now()
      this.executed(task, { ms: 0, startedAt: now, endedAt: now, error: toFailure(error, 'BLOB_MISSING') })
      return false
    }
  }

  // The loss is on record before the task runs again, so one that kills its worker can't do so for ever.
  async #takeUpAgain(task: HeldTask, losses: number): Promise<boolean> {
    const { records } = this.#options
    const once = task.command.onLost === 'fail'
    if (!once && losses < MAX_LOSSES) {
      await records.create(lostDraft(this.#place(task), task.id, task.command, losses + 1))
      return true
    }
    const often = once
      ? 'and is not to be run again (onLost: fail)'
      : `${MAX_LOSSES} times and is not run again`
    const error = new QubusError('LOST', `the step was lost with its worker ${often}`)
    const now = Date.now()
    await records.create(
      attemptDraft(
        this.#place(task),
        task.id,
        task.command,
        { startedAt: now, endedAt: now },
        toFailure(error, 'LOST'),
      ),
    )
    this.#answer(task)
    return false
  }

  #queue(task: HeldTask): void {
    task.state = 'queued'
    this.#slots?.queue(task)
  }

  async #record(task: HeldTask, executed: Executed): Promise<void> {
    const { records } = this.#options
    const times: Times = { startedAt: executed.startedAt, endedAt: executed.endedAt }
    const place = this.#place(task)
    if (executed.error !== undefined)
      return void (await records.create(attemptDraft(place, task.id, task.command, times, executed.error)))
    const kept = this.#store(executed)
    const stored = kept instanceof Promise ? await kept.catch(tooLarge) : kept
    if (stored instanceof QubusError)
      return void (await records.create(
        attemptDraft(place, task.id, task.command, times, toFailure(stored, 'STREAM_FULL')),
      ))
    const { result, artifacts } = stored
    await records.create(outcomeDraft(place, task.id, task.command, times, result, artifacts))
  }

  /** Blobs go first: a record never refers to what is not there. */
  #store({ result = new Uint8Array(), artifacts = [], endedAt }: Executed): Stored | Promise<Stored> {
    const { blobs } = this.#options.actor
    const payload = blobs.toPayload(result)
    if (!(payload instanceof Promise) && artifacts.length === 0) return { result: payload }
    return (async () => {
      const kept: Artifact[] = []
      for (const { key, type, value } of artifacts)
        kept.push({ key, type, payload: await blobs.toPayload(value), at: endedAt })
      return { result: await payload, ...(kept.length > 0 ? { artifacts: kept } : {}) }
    })()
  }

  #place({ pool }: HeldTask): Place {
    const { id, host, job } = this.#options.actor
    return { writer: id, node: host, pool, ...(job === undefined ? {} : { job }) }
  }

  /** Nobody wants it any more: acked without a record, and ended. */
  #drop(task: HeldTask, why: string): void {
    if (isAnswered(task)) return
    const { end } = task
    this.#answer(task)
    end?.(new QubusError('CANCELLED', why))
  }

  #handBack(task: HeldTask, error: unknown): void {
    if (isAnswered(task)) return
    this.#options.actor.log.warn({ err: error, task: task.key }, 'task handed back')
    const { end } = task
    this.#giveBack(task, HAND_BACK_MS)
    end?.(new QubusError('CANCELLED', 'handed back'))
  }

  #giveBack(task: HeldTask, delayMs?: number): void {
    task.delivery.nak(delayMs)
    this.#forget(task)
  }

  // A second delivery would look like a loss. For a task that must not run after one, the record says that it did not begin.
  #giveBackUnbegun(task: HeldTask): void {
    if (task.command.onLost !== 'fail') return this.#giveBack(task)
    task.state = 'recording'
    const now = Date.now()
    const error = toFailure(new QubusError('LOST', 'the worker ended before it began the step'), 'LOST')
    this.#options.records
      .create(
        attemptDraft(this.#place(task), task.id, task.command, { startedAt: now, endedAt: now }, error, true),
      )
      .then(
        () => this.#answer(task),
        (failed: unknown) => this.#handBack(task, failed),
      )
  }

  #answer(task: HeldTask): void {
    if (isAnswered(task)) return
    task.delivery.ack()
    this.#forget(task)
  }

  #forget(task: HeldTask): void {
    task.state = 'answered'
    if (this.#held.delete(task.key)) this.#counts.set(task.shape, (this.#counts.get(task.shape) ?? 1) - 1)
    if (this.#held.size === 0) this.#onEmpty?.()
    this.#options.onRoom()
  }
}

function fileKey({ bundle, sourceRoot = '' }: TaskCommand): string {
  return `${bundle} ${sourceRoot}`
}

// What the store can never take is the task's own failure; everything else passes, and the task comes again.
function tooLarge(error: unknown): QubusError {
  if (error instanceof QubusError && error.facts['never'] === true) return error
  throw error
}

type Stored = { result: Payload; artifacts?: Artifact[] }

function isAnswered(task: HeldTask): boolean {
  return task.state === 'answered'
}
