/**
 * A stream on its way into Postgres. Several actors share the stream's parts: each holds the locks of its own, reads
 * them in one feed from the stored position on, and moves that position in the transaction that writes the rows. On
 * any failure it lets go of everything and begins again from what Postgres says.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { Actor } from '#shared/actor/actor.ts'
import type { Delivery } from '#shared/bus/delivery.ts'
import { openFeed } from '#shared/bus/feed.ts'
import type { StreamName } from '#shared/contract/streams.ts'
import { balance } from './balance.ts'
import { Inbox } from './inbox.ts'
import { type Positions, readPositions } from './positions.ts'
import { openSession, type Session } from './session.ts'
import { type Prepare, storeBatch } from './store-batch.ts'
import { streamFacts } from './stream-api.ts'

/** A part of a stream that one actor at a time stores. */
export type Unit = { name: string; filter: string }

export type IntakeOptions = {
  stream: StreamName
  units: Unit[]
  /** Key of the first unit's lock; the others follow, and after them the one that says who is at work. */
  firstLock: number
  /** Index of the unit that a message belongs to. */
  unitOf(delivery: Delivery): number
  /** Filter of all units together. */
  filter: string
  /** So many messages before the stored position are read again, for a stream whose tail a broker may lose. */
  overlap?: number
  prepare: Prepare
}

export type Intake = {
  /** Units that this actor holds now. */
  readonly held: string[]
  /** Resolves when the batch in hand is stored and every lock is given back. */
  stop(): Promise<void>
}

const BALANCE_MS = 1_000
// Messages that the broker may send ahead: at most 256 KiB each, so this bounds memory too.
const WINDOW = 2_000
const BACK_OFF_MS = { first: 100, most: 5_000 }

export function startIntake(actor: Actor, databaseUrl: string, options: IntakeOptions): Intake {
  const intake = new StreamIntake(actor, databaseUrl, options)
  const ended = intake.run()
  return {
    get held() {
      return intake.mine.map((unit) => options.units[unit]?.name ?? '')
    },
    async stop() {
      intake.stop()
      await ended
    },
  }
}

class StreamIntake {
  readonly #actor: Actor
  readonly #databaseUrl: string
  readonly #options: IntakeOptions
  readonly #stopping = new AbortController()
  readonly #start = Math.floor(Math.random() * 1000)
  /** Ends the wait for messages, so that the loop looks around. */
  #inbox = new Inbox()
  #stale = false
  mine: number[] = []

  constructor(actor: Actor, databaseUrl: string, options: IntakeOptions) {
    this.#actor = actor
    this.#databaseUrl = databaseUrl
    this.#options = options
  }

  stop(): void {
    this.#stopping.abort()
    this.#inbox.close()
  }

  async run(): Promise<void> {
    // What the feed knows of the stream may be wrong after a broker came back with another.
    const forget = this.#actor.bus.onReconnect(() => {
      this.#stale = true
      this.#inbox.close()
    })
    let wait = BACK_OFF_MS.first
    while (!this.#stopped) {
      const since = performance.now()
      try {
        await using session = await openSession(
          this.#databaseUrl,
          `${this.#actor.id} ${this.#options.stream}`,
        )
        await session.join(this.#lock(this.#options.units.length))
        while (!this.#stopped) await this.#tenure(session)
      } catch (error) {
        if (performance.now() - since > BACK_OFF_MS.most) wait = BACK_OFF_MS.first
        this.#actor.log.warn(
          { err: error, stream: this.#options.stream, againInMs: wait },
          'storing was interrupted',
        )
        await pause(wait, undefined, { signal: this.#stopping.signal }).catch(() => {})
        wait = Math.min(BACK_OFF_MS.most, wait * 2)
      }
      this.mine = []
    }
    forget()
  }

  get #stopped(): boolean {
    return this.#stopping.signal.aborted
  }

  #lock(unit: number): number {
    return this.#options.firstLock + unit
  }

  /** Stores for as long as the parts that are this actor's stay the same. */
  async #tenure(session: Session): Promise<void> {
    await this.#rebalance(session)
    const { stream, overlap = 0 } = this.#options
    const units = this.#mineByName()
    this.#inbox = new Inbox()
    this.#stale = false
    if (this.#stopped) return
    const inbox = this.#inbox
    if (units.length === 0) {
      await inbox.take(BALANCE_MS)
      return
    }
    const facts = await streamFacts(this.#actor.bus.nc, stream)
    const positions = await readPositions(session.client, units, facts)
    const from = Math.max(1, Math.min(...positions.values()) + 1 - overlap)
    this.#actor.log.info({ stream, units: units.length, from }, 'storing')
    const feed = openFeed(this.#actor.bus, {
      stream,
      filters: this.#filters(),
      from,
      window: WINDOW,
      onBatch: (batch) => inbox.add(batch),
    })
    try {
      let looked = performance.now()
      while (!this.#stopped && !this.#stale) {
        const batch = await inbox.take(BALANCE_MS)
        if (batch.length > 0) await this.#store(session, positions, batch)
        if (performance.now() - looked < BALANCE_MS) continue
        looked = performance.now()
        if (await this.#rebalance(session)) return
      }
    } finally {
      feed.stop()
      inbox.close()
    }
  }

  /** Gives back and takes what is due; true when something changed. */
  async #rebalance(session: Session): Promise<boolean> {
    const holders = await session.holders()
    const count = this.#options.units.length
    const units = this.#options.units.map((_, unit) => unit)
    const { release, take } = balance({
      units,
      mine: this.mine,
      held: units.filter((unit) => holders.has(this.#lock(unit))),
      actors: holders.get(this.#lock(count)) ?? 1,
      start: this.#start,
    })
    const before = this.mine.length
    for (const unit of release) {
      this.mine = this.mine.filter((each) => each !== unit)
      await session.unlock(this.#lock(unit))
    }
    for (const unit of take) if (await session.tryLock(this.#lock(unit))) this.mine.push(unit)
    return this.mine.length !== before
  }

  #mineByName(): string[] {
    return this.mine.map((unit) => this.#options.units[unit]?.name ?? '')
  }

  #filters(): string[] {
    const { units, filter } = this.#options
    return this.mine.length === units.length ? [filter] : this.mine.map((unit) => units[unit]?.filter ?? '')
  }

  async #store(session: Session, positions: Positions, batch: Delivery[]): Promise<void> {
    const last = batch.at(-1)
    if (last === undefined) return
    const { stream, overlap, units, unitOf, prepare } = this.#options
    const isNew = (each: Delivery) =>
      each.sequence > (positions.get(units[unitOf(each)]?.name ?? '') ?? Number.POSITIVE_INFINITY)
    const store = { actor: this.#actor, stream, prepare, session, positions }
    await storeBatch(store, overlap ? batch : batch.filter(isNew), last.sequence)
  }
}
