/** What the broker keeps for a run, in memory: the log, and signals. */
import type { Delivery } from '#shared/bus/delivery.ts'
import type { Stored } from '#shared/bus/direct.ts'
import type { Creation, Draft } from '#shared/bus/publisher.ts'
import { changed, type SignalChange, type SignalPlace } from '#shared/bus/signals.ts'
import type { SignalRecord } from '#shared/contract/signal.ts'
import { record, subject } from '#shared/contract/subjects.ts'
import type { Clock } from '../../services/coordinator/clock.ts'
import type { RunStore } from '../../services/coordinator/run-store.ts'
import type { Signals } from '../../services/coordinator/signals.ts'

/** A message that nobody else could take: what is answered to it means nothing. */
export function delivery(at: string, data: Uint8Array, sequence: number, time: number): Delivery {
  return {
    subject: at,
    data,
    headers: undefined,
    sequence,
    consumerSequence: sequence,
    deliveries: 1,
    time,
    ack() {},
    nak() {},
    working() {},
  }
}

export class MemoryLog implements RunStore {
  readonly records: Stored[] = []
  readonly #bySubject = new Map<string, Stored>()
  readonly #clock: Clock
  readonly #hear: (delivery: Delivery) => void

  /** @param hear gets each record, in order. */
  constructor(clock: Clock, hear: (delivery: Delivery) => void) {
    this.#clock = clock
    this.#hear = hear
  }

  has(at: string): boolean {
    return this.#bySubject.has(at)
  }

  async create({ subject: at, body }: Draft): Promise<Creation> {
    if (this.has(at)) return 'present'
    const now = this.#clock.now()
    const sequence = this.records.length + 1
    const stored: Stored = { subject: at, sequence, data: body, time: new Date(now).toISOString() }
    this.#bySubject.set(at, stored)
    this.records.push(stored)
    setImmediate(() => this.#hear(delivery(at, body, sequence, now)))
    return 'stored'
  }

  async last(...subjects: string[]): Promise<Stored[]> {
    const patterns = subjects.map(
      (each) => new RegExp(`^${each.replaceAll('.', '\\.').replaceAll('*', '[^.]+')}$`),
    )
    return this.records.filter((stored) => patterns.some((pattern) => pattern.test(stored.subject)))
  }

  async *read(run: string): AsyncGenerator<Stored[]> {
    yield this.ofRun(run)
  }

  ofRun(run: string): Stored[] {
    const prefix = record(run).all.slice(0, -1)
    return this.records.filter((stored) => stored.subject.startsWith(prefix))
  }
}

export class MemorySignals implements Signals {
  readonly records = new Map<string, SignalRecord>()
  readonly #watchers = new Map<string, Set<(record: SignalRecord | undefined) => void>>()
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  async change(place: SignalPlace, change: SignalChange, by: string): Promise<void> {
    const at = subject.signal(place.scope, place.name)
    const before = this.records.get(at)
    if (before?.recent.includes(by)) return
    const after = changed(before, change, by, this.#clock.now())
    this.records.set(at, after)
    for (const tell of this.#watchers.get(at) ?? []) setImmediate(() => tell(after))
  }

  watch(place: SignalPlace, tell: (record: SignalRecord | undefined) => void): () => void {
    const at = subject.signal(place.scope, place.name)
    const watchers = this.#watchers.get(at) ?? new Set()
    this.#watchers.set(at, watchers.add(tell))
    setImmediate(() => watchers.has(tell) && tell(this.records.get(at)))
    return () => void watchers.delete(tell)
  }
}
