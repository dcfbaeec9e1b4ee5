/** Takes flow requests of the shards that are this coordinator's: of runs, and of sub-flows apart from them. */
import type { Bus } from '#shared/bus/connect.ts'
import type { Delivery } from '#shared/bus/delivery.ts'
import { Puller } from '#shared/bus/puller.ts'
import { CONSUMER, STREAM } from '#shared/contract/streams.ts'

export type TakerOptions = {
  /** How many more may be taken now. */
  credit(what: 'roots' | 'children'): number
  onRequest(delivery: Delivery): void
}

export class Takers {
  readonly #bus: Bus
  readonly #options: TakerOptions
  readonly #pullers = new Map<string, { what: 'roots' | 'children'; puller: Puller }>()

  constructor(bus: Bus, options: TakerOptions) {
    this.#bus = bus
    this.#options = options
  }

  /** From here on takes from these shards, and from no others. */
  serve(shards: readonly number[]): void {
    const wanted = new Map<string, 'roots' | 'children'>()
    for (const shard of shards) {
      wanted.set(CONSUMER.flows(shard), 'roots')
      wanted.set(CONSUMER.childFlows(shard), 'children')
    }
    for (const [consumer, { puller }] of this.#pullers) {
      if (wanted.has(consumer)) continue
      puller.stop()
      this.#pullers.delete(consumer)
    }
    for (const [consumer, what] of wanted) if (!this.#pullers.has(consumer)) this.#pull(consumer, what)
  }

  /** More may be taken now. */
  more(): void {
    for (const { puller } of this.#pullers.values()) puller.more()
  }

  /** None may be taken now: what was asked for is withdrawn. */
  withdraw(what: 'roots' | 'children'): void {
    for (const { puller, what: taken } of this.#pullers.values()) if (taken === what) puller.withdraw()
  }

  stop(): void {
    for (const { puller } of this.#pullers.values()) puller.stop()
    this.#pullers.clear()
  }

  #pull(consumer: string, what: 'roots' | 'children'): void {
    const puller = new Puller(this.#bus, {
      stream: STREAM.flows,
      consumer,
      credit: () => this.#options.credit(what),
      onBatch: (batch) => batch.forEach(this.#options.onRequest),
    })
    this.#pullers.set(consumer, { what, puller })
  }
}
