/** The broker's streams in memory. It may do all that JetStream may: see the README of this folder. */

import type { Delivery } from '#shared/bus/delivery.ts'
import type { Stored } from '#shared/bus/direct.ts'
import type { Creation, Draft } from '#shared/bus/publisher.ts'
import { changed, type SignalChange, type SignalPlace } from '#shared/bus/signals.ts'
import type { SignalRecord } from '#shared/contract/signal.ts'
import { ACK_WAIT_SECONDS } from '#shared/contract/streams.ts'
import { lastToken, record, subject } from '#shared/contract/subjects.ts'
import type { Process, World } from './world.ts'

/** A publish that was not answered is sent again after so long. */
const TIMEOUT_MS = 5_000

type Held = {
  body: Uint8Array
  sequence: number
  deliveries: number
  holder: Process | undefined
  until: number
}
type Command = Held & { at: number; acked: boolean }

export type Taker = {
  process: Process
  room(): number
  take(delivery: Delivery): void
  /** What it holds may be somebody else's by now. */
  isStale?(): boolean
}
export type Listener = { process: Process; hear(delivery: Delivery): void; heardAt: number }

export class SimBroker {
  readonly world: World
  /** `RUNS`. */
  readonly log: (Stored & { at: number })[] = []
  readonly #records = new Map<string, Stored>()
  readonly flows = new Map<string, Held>()
  readonly tasks = new Map<string, Command>()
  readonly signals = new Map<string, SignalRecord>()
  readonly #watchers = new Set<{
    at: string
    process: Process
    tell(record: SignalRecord | undefined): void
  }>()
  readonly coordinators = new Set<Taker & Listener>()
  readonly workers = new Set<Taker>()
  #sequence = 0

  constructor(world: World) {
    this.world = world
  }

  has(at: string): boolean {
    return this.#records.has(at)
  }

  /** Creates a record; sends it again until an answer comes. */
  create(draft: Draft, process: Process): Promise<Creation> {
    return this.#until(process, () => this.#store(draft))
  }

  /** What is stored, in order, on subjects that may end in `*`. @throws when the broker does not answer. */
  async last(subjects: string[], process: Process): Promise<Stored[]> {
    await this.#ask(process)
    const found = subjects.flatMap((each) =>
      each.endsWith('*')
        ? this.log.filter(
            ({ subject: at }) => at.startsWith(each.slice(0, -1)) && !at.slice(each.length - 1).includes('.'),
          )
        : (this.#records.get(each) ?? []),
    )
    return found.sort((a, b) => a.sequence - b.sequence)
  }

  async *read(run: string, process: Process): AsyncGenerator<Stored[]> {
    const prefix = record(run).all.slice(0, -1)
    for (let from = 0; ; ) {
      await this.#ask(process)
      const page = this.log
        .filter((each) => each.sequence > from && each.subject.startsWith(prefix))
        .slice(0, 7)
      const last = page.at(-1)
      if (last === undefined) return
      yield page
      from = last.sequence
    }
  }

  /** A flow request: gone once it is acked, and then it may be made again. */
  request(draft: Draft, process: Process): Promise<Creation> {
    return this.#until(process, () => {
      const run = lastToken(draft.subject)
      if (this.flows.has(run)) return 'present'
      this.flows.set(run, {
        body: draft.body,
        sequence: ++this.#sequence,
        deliveries: 0,
        holder: undefined,
        until: 0,
      })
      this.#offerFlow(run)
      return 'stored'
    })
  }

  /** A command: stays, so that its subject is taken. */
  command(draft: Draft, process: Process): Promise<Creation> {
    return this.#until(process, () => {
      if (this.tasks.has(draft.subject)) return 'present'
      const { body } = draft
      const sequence = ++this.#sequence
      const at = this.world.now
      this.tasks.set(draft.subject, {
        body,
        sequence,
        at,
        deliveries: 0,
        holder: undefined,
        until: 0,
        acked: false,
      })
      this.#offerTask(draft.subject)
      return 'stored'
    })
  }

  async missing(subjects: string[], process: Process): Promise<string[]> {
    await this.#ask(process)
    return subjects.filter((each) => !this.tasks.has(each))
  }

  async change(
    { scope, name }: SignalPlace,
    change: SignalChange,
    by: string,
    process: Process,
  ): Promise<void> {
    const at = subject.signal(scope, name)
    await this.#until(process, () => {
      const before = this.signals.get(at)
      if (before?.recent.includes(by)) return 'present'
      const after = changed(before, change, by, this.world.now)
      this.signals.set(at, after)
      for (const watcher of this.#watchers)
        if (watcher.at === at)
          this.world.after(this.world.latency(), () => watcher.tell(after), watcher.process)
      return 'stored'
    })
  }

  watch(
    { scope, name }: SignalPlace,
    process: Process,
    tell: (record: SignalRecord | undefined) => void,
  ): () => void {
    const at = subject.signal(scope, name)
    const watcher = {
      at,
      process,
      tell: (record: SignalRecord | undefined) => this.#watchers.has(watcher) && tell(record),
    }
    this.#watchers.add(watcher)
    this.world.after(this.world.latency(), () => watcher.tell(this.signals.get(at)), process)
    return () => this.#watchers.delete(watcher)
  }

  /** It dies and comes back: commands of the last moments are lost, and whoever holds something is forgotten. */
  restart(): void {
    const { world } = this
    for (const [at, command] of this.tasks) {
      if (!command.acked && world.now - command.at < 2_000 && world.random() < 0.5) this.tasks.delete(at)
      else if (!command.acked && command.holder !== undefined) {
        // The count of deliveries may be lost with the rest: it proves nothing.
        if (world.random() < 0.5) command.deliveries = 0
        this.#free(command, () => this.#offerTask(at))
      }
    }
    for (const [run, flow] of this.flows)
      if (flow.holder !== undefined) this.#free(flow, () => this.#offerFlow(run))
  }

  /** More may be taken. */
  offer(): void {
    for (const [at, command] of this.tasks)
      if (!command.acked && command.holder === undefined && command.until <= this.world.now)
        this.#offerTask(at)
    for (const [run, flow] of this.flows)
      if (flow.holder === undefined && flow.until <= this.world.now) this.#offerFlow(run)
  }

  #store(draft: Draft): Creation {
    if (this.#records.has(draft.subject)) return 'present'
    const sequence = ++this.#sequence
    const at = this.world.now
    const stored = {
      subject: draft.subject,
      sequence,
      data: draft.body,
      time: new Date(at).toISOString(),
      at,
    }
    this.#records.set(draft.subject, stored)
    this.log.push(stored)
    for (const listener of this.coordinators) {
      // In order, however late.
      listener.heardAt = Math.max(listener.heardAt, at + this.world.latency())
      const delivery = this.#delivery(stored, 1, at, () => {})
      this.world.at(listener.heardAt, () => listener.hear(delivery), listener.process)
    }
    return 'stored'
  }

  async #ask(process: Process): Promise<void> {
    await this.world.wait(this.world.latency(), process)
    if (!this.world.isLost()) return
    await this.world.wait(TIMEOUT_MS, process)
    throw Object.assign(new Error('the broker does not answer'), {
      code: 'UNREACHABLE',
      name: 'QubusError',
      facts: {},
    })
  }

  // The message may be lost, or its answer: it is sent again until one comes.
  async #until(process: Process, act: () => Creation): Promise<Creation> {
    const { world } = this
    let mine = false
    for (;;) {
      const answer = new Promise<Creation | undefined>((resolve) => {
        world.after(TIMEOUT_MS, () => resolve(undefined), process)
        if (world.isLost()) return
        // What is on its way arrives, though its sender may be dead by then.
        world.after(world.latency(), () => {
          const creation = act()
          mine ||= creation === 'stored'
          if (!world.isLost())
            world.after(world.latency(), () => resolve(mine ? 'stored' : creation), process)
        })
      })
      const creation = await answer
      if (creation !== undefined) return creation
    }
  }

  #offerFlow(run: string): void {
    this.world.after(this.world.latency(), () => {
      const flow = this.flows.get(run)
      if (flow === undefined) return
      this.#deliver(
        flow,
        subject.flow(run),
        [...this.coordinators],
        () => this.#offerFlow(run),
        () => {
          if (!this.has(record(run).completed))
            this.world.violations.push(`the request of ${run} was acked before its end`)
          this.flows.delete(run)
        },
      )
    })
  }

  #offerTask(at: string): void {
    this.world.after(this.world.latency(), () => {
      const command = this.tasks.get(at)
      if (command === undefined || command.acked) return
      this.#deliver(
        command,
        at,
        [...this.workers],
        () => this.#offerTask(at),
        () => {
          command.acked = true
          command.holder = undefined
        },
      )
    })
  }

  #deliver(held: Held, at: string, takers: Taker[], again: () => void, acked: () => void): void {
    if (held.holder !== undefined || held.until > this.world.now) return
    const taker = this.world.pick(takers.filter(({ process, room }) => !process.dead && room() > 0))
    if (taker === undefined) return
    held.holder = taker.process
    held.deliveries++
    this.#extend(held, again)
    const stored = { subject: at, sequence: held.sequence, data: held.body }
    const delivery = this.#delivery(stored, held.deliveries, this.world.now, (verb, delayMs) => {
      if (taker.isStale?.())
        this.world.violations.push(`${taker.process.name} answers ${at} without the lease: ${verb}`)
      if (taker.process.dead || this.world.isLost()) return
      // As the broker does: an answer to an old delivery acts on the message, whoever holds it now.
      this.world.after(this.world.latency(), () => {
        if (verb === 'ack') acked()
        else if (verb === 'nak') this.#free(held, again, delayMs)
        else if (held.holder !== undefined) this.#extend(held, again)
      })
    })
    this.world.after(this.world.latency(), () => taker.take(delivery), taker.process)
  }

  #extend(held: Held, again: () => void): void {
    const until = this.world.now + ACK_WAIT_SECONDS * 1000
    held.until = until
    this.world.at(until, () => {
      if (held.until === until && held.holder !== undefined) this.#free(held, again)
    })
  }

  #free(held: Held, again: () => void, delayMs = 0): void {
    held.holder = undefined
    held.until = this.world.now + delayMs
    this.world.at(held.until, again)
  }

  #delivery(
    { subject: at, sequence, data }: Pick<Stored, 'subject' | 'sequence' | 'data'>,
    deliveries: number,
    time: number,
    answer: (verb: 'ack' | 'nak' | 'working', delayMs?: number) => void,
  ): Delivery {
    return {
      ...{ subject: at, data, headers: undefined, sequence, consumerSequence: sequence, deliveries, time },
      ack: () => answer('ack'),
      working: () => answer('working'),
      nak: (delayMs) => answer('nak', delayMs),
    }
  }
}
