/**
 * Global concurrency limits. A limit is a consumer of permits that may hold no more un-acked than it has places: the
 * broker is its owner, and keeps it over every crash. A coordinator that is given a permit sends the command that waits
 * for it, and holds the permit until that attempt of the step is over.
 */
import type { Actor } from '#shared/actor/actor.ts'
import { openAsker } from '#shared/actor/ask-first.ts'
import { type ConsumerFacts, listConsumers } from '#shared/bus/consumers.ts'
import type { Delivery } from '#shared/bus/delivery.ts'
import type { Draft } from '#shared/bus/publisher.ts'
import { Puller } from '#shared/bus/puller.ts'
import { Permit } from '#shared/contract/permit.ts'
import { CONSUMER, HEARTBEAT_SECONDS, STREAM, WORKING_INTERVAL_SECONDS } from '#shared/contract/streams.ts'
import { filter, parseCommandSubject, type StepIdentity, subject } from '#shared/contract/subjects.ts'
import { decode, encode } from '#shared/wire/message.ts'

export type GateOptions = {
  actor: Actor
  /** Sends a command to the stream of that name. */
  send(stream: string, draft: Draft): void
  /** The limits, or how many places they have, are others than before. */
  onChange(): void
}

type Held = {
  id: StepIdentity
  deliveries: Map<string, Delivery>
  since: number
  /** What it is held for was sent to its queue, the last time at `passedAt`. */
  permit: Permit | undefined
  passedAt: number
  /** Ends the listening for the end of the attempt. */
  unheed(): void
}

const LIST_MS = 5_000
/** A queue may have lost its last commands with the broker: they are sent again, which changes nothing where they are. */
const AGAIN_MS = 15_000
const PREFIX = CONSUMER.limit('')

export class Gate implements Disposable {
  readonly #options: GateOptions
  readonly #limits = new Map<string, ConsumerFacts>()
  readonly #pullers = new Map<string, Puller>()
  readonly #held = new Map<string, Held>()
  readonly #ask: ReturnType<typeof openAsker>
  readonly #timers: NodeJS.Timeout[]
  readonly #forgetReconnects: () => void
  #listing: Promise<void> | undefined

  constructor(options: GateOptions) {
    this.#options = options
    this.#ask = openAsker(options.actor.bus.nc)
    this.#forgetReconnects = options.actor.bus.onReconnect(() => {
      for (const held of this.#held.values()) held.passedAt = Number.NEGATIVE_INFINITY
    })
    this.#timers = [
      setInterval(() => void this.list().catch(() => {}), LIST_MS),
      setInterval(() => this.#renew(), WORKING_INTERVAL_SECONDS * 1000),
      setInterval(() => this.#askAgain(), HEARTBEAT_SECONDS * 1000),
    ]
  }

  /** How many places a limit has; undefined when there is no such limit. */
  placesOf(limit: string): number | undefined {
    return this.#limits.get(limit)?.maxAckPending
  }

  /** How many of its places were taken when it was last looked at. */
  takenOf(limit: string): number {
    return this.#limits.get(limit)?.ackPending ?? 0
  }

  get names(): string[] {
    return [...this.#limits.keys()]
  }

  /** Looks which limits there are. @throws Error when the broker does not answer: then it is not known. */
  list(): Promise<void> {
    this.#listing ??= this.#listNow().finally(() => {
      this.#listing = undefined
    })
    return this.#listing
  }

  /** Gives back what it holds: another coordinator gets it at once. */
  [Symbol.dispose](): void {
    for (const timer of this.#timers) clearInterval(timer)
    this.#forgetReconnects()
    for (const puller of this.#pullers.values()) puller.stop()
    for (const { deliveries, unheed } of this.#held.values()) {
      unheed()
      for (const delivery of deliveries.values()) delivery.nak()
    }
    this.#held.clear()
  }

  async #listNow(): Promise<void> {
    const { actor, onChange } = this.#options
    const found = await listConsumers(actor.bus.nc, STREAM.permits)
    if (actor.stopping.aborted) return
    const before = [...this.#limits].map(([name, { maxAckPending }]) => `${name} ${maxAckPending}`).join()
    this.#limits.clear()
    for (const facts of found)
      if (facts.name.startsWith(PREFIX)) this.#limits.set(facts.name.slice(PREFIX.length), facts)
    for (const [limit, { maxAckPending }] of this.#limits) if (maxAckPending > 0) this.#pull(limit)
    for (const [limit, puller] of this.#pullers) {
      if (this.#limits.has(limit)) continue
      puller.stop()
      this.#pullers.delete(limit)
    }
    if (before !== [...this.#limits].map(([name, { maxAckPending }]) => `${name} ${maxAckPending}`).join())
      onChange()
  }

  #pull(limit: string): void {
    if (this.#pullers.has(limit)) return
    const { actor } = this.#options
    const puller = new Puller(actor.bus, {
      stream: STREAM.permits,
      consumer: CONSUMER.limit(limit),
      // The broker gives no more than there are places.
      credit: () => (actor.stopping.aborted ? 0 : (this.placesOf(limit) ?? 0)),
      onBatch: (batch) => batch.forEach((delivery) => void this.#take(limit, delivery)),
    })
    this.#pullers.set(limit, puller)
  }

  async #take(limit: string, delivery: Delivery): Promise<void> {
    const { actor } = this.#options
    const { run, step, attempt } = parseCommandSubject(delivery.subject)
    const id = { run, step, attempt }
    const key = `${run}.${step}.${attempt}`
    const known = this.#held.get(key)?.deliveries.get(limit)
    const held = this.#held.get(key) ?? this.#hold(key, id)
    held.deliveries.set(limit, delivery)
    // Delivered again to its holder: the command is out already.
    if (known !== undefined) return
    try {
      const verdict = await this.#ask({ ...id, again: false })
      if (!verdict.wanted) return this.#release(key, held)
      const permit = decode(Permit, delivery.data)
      // Of several limits, the last one leads to the command itself.
      if (held.permit === undefined || permit.further.length < held.permit.further.length)
        held.permit = permit
      this.#pass(held)
      if (permit.further.length === 0)
        actor.emit({ noun: 'step', verb: 'admitted', run, id: String(step), data: { step, attempt } })
    } catch (error) {
      actor.log.warn({ err: error, permit: delivery.subject }, 'a permit was handed back')
      held.deliveries.delete(limit)
      if (held.deliveries.size === 0) this.#forget(key, held)
      delivery.nak(1_000)
    }
  }

  // The run may be any coordinator's: the broker itself says what its log takes. The subject alone tells that it is over.
  #hold(key: string, id: StepIdentity): Held {
    const { nc } = this.#options.actor.bus
    const callback = (error: Error | null): void => {
      if (!error) this.#release(key, held)
    }
    const heard = [filter.outcomeRecorded(id), filter.attemptRecorded(id)].map((each) =>
      nc.subscribe(each, { callback }),
    )
    const held: Held = {
      id,
      deliveries: new Map(),
      since: performance.now(),
      permit: undefined,
      passedAt: performance.now(),
      unheed: () => {
        for (const subscription of heard) subscription.unsubscribe()
      },
    }
    this.#held.set(key, held)
    return held
  }

  #pass(held: Held): void {
    if (held.permit === undefined) return
    const { send } = this.#options
    const {
      further: [next, ...rest],
      command,
    } = held.permit
    held.passedAt = performance.now()
    if (next !== undefined) {
      const permit: Permit = { further: rest, command }
      return send(STREAM.permits, { subject: subject.permit(next, held.id), body: encode(permit) })
    }
    const { stream, ...draft } = command
    send(stream, draft as Draft)
  }

  #renew(): void {
    for (const { deliveries } of this.#held.values())
      for (const delivery of deliveries.values()) delivery.working()
  }

  // What the broker says of a log may be missed, as during a reconnect.
  #askAgain(): void {
    const before = performance.now() - HEARTBEAT_SECONDS * 1000
    for (const [key, held] of this.#held) {
      if (held.since > before) continue
      this.#ask({ ...held.id, again: false }).then(
        ({ wanted }) => {
          if (!wanted) this.#release(key, held)
          else if (held.passedAt < performance.now() - AGAIN_MS) this.#pass(held)
        },
        () => {},
      )
    }
  }

  #release(key: string, held: Held): void {
    for (const delivery of held.deliveries.values()) delivery.ack()
    this.#forget(key, held)
    for (const limit of held.deliveries.keys()) this.#pullers.get(limit)?.more()
  }
  #forget(key: string, held: Held): void {
    held.unheed()
    if (this.#held.get(key) === held) this.#held.delete(key)
  }
}
