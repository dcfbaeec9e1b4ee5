/** What the logs of this coordinator's runs take, as it happens: one feed, on the shards that it has runs in. */
import type { Bus } from '#shared/bus/connect.ts'
import type { Delivery } from '#shared/bus/delivery.ts'
import { type Feed, openFeed } from '#shared/bus/feed.ts'
import { SHARDS, shardOf } from '#shared/contract/ids.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { filter } from '#shared/contract/subjects.ts'
import type { Clock } from './clock.ts'
import { earlyCancels } from './early-cancels.ts'

export class ShardFeed {
  readonly #bus: Bus
  readonly #clock: Clock
  readonly #onRecord: (delivery: Delivery) => void
  #feed: Feed | undefined
  #ready: Promise<void> = Promise.resolve()
  #listening = new Set<number>()
  /** Runs that are held, by shard. */
  readonly #runs = new Map<string, number>()
  cancels = earlyCancels(Number.POSITIVE_INFINITY)

  constructor(bus: Bus, clock: Clock, onRecord: (delivery: Delivery) => void) {
    this.#bus = bus
    this.#clock = clock
    this.#onRecord = onRecord
  }

  /** Listens to these shards, and to those of runs that are still held. Resolves when it does. */
  async listen(shards: readonly number[]): Promise<void> {
    await this.#open(new Set([...shards, ...this.#runs.values()]))
  }

  /** Sees to it that the run's records are heard from here on. */
  async cover(run: string): Promise<void> {
    const shard = shardOf(run)
    this.#runs.set(run, shard)
    if (!this.#listening.has(shard)) await this.#open(new Set([...this.#listening, shard]))
    else await this.#ready
  }

  uncover(run: string): void {
    this.#runs.delete(run)
  }

  stop(): void {
    this.#feed?.stop()
  }

  #open(shards: Set<number>): Promise<void> {
    this.#listening = shards
    const filters =
      shards.size === SHARDS ? [filter.runs] : [...shards].sort((a, b) => a - b).map(filter.runShard)
    if (filters.length === 0) return Promise.resolve()
    // What was cancelled in a shard before it was listened to has to be looked for.
    this.cancels = earlyCancels(Number.POSITIVE_INFINITY)
    if (this.#feed === undefined) {
      this.#feed = openFeed(this.#bus, {
        stream: STREAM.runs,
        filters,
        from: 'new',
        onBatch: (batch) => batch.forEach(this.#onRecord),
      })
      this.#ready = this.#feed.ready
    } else this.#ready = this.#feed.refilter(filters)
    const opened = this.#ready
    return opened.then(() => {
      if (opened === this.#ready) this.cancels = earlyCancels(this.#clock.now())
    })
  }
}
