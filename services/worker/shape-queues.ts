/**
 * The queues of this worker's pools, one a shape. It takes from each as much as it has room for; a queue that has
 * something for which there is never room is seen to by keeping room free for a while.
 */

import type { Bus } from '#shared/bus/connect.ts'
import { backlogOf, consumerNames } from '#shared/bus/consumers.ts'
import type { Delivery } from '#shared/bus/delivery.ts'
import { Puller } from '#shared/bus/puller.ts'
import { CONSUMER, STREAM, shapeOfConsumer } from '#shared/contract/streams.ts'

export type ShapeQueuesOptions = {
  bus: Bus
  pools: readonly string[]
  /** How many more commands of the shape may be held. */
  roomFor(shape: string): number
  /** Whether one of the shape could ever run here. */
  fitsEver(shape: string): boolean
  onBatch(batch: Delivery[]): void
  /** Something of this shape waits, and there was no room for it for long; undefined: nothing does any more. */
  onStarving(shape: string | undefined): void
}

type Queue = { shape: string; puller: Puller; roomlessSince: number | undefined }

const LOOK_MS = 2_000
/** So long without room, and somebody else may have had it meanwhile; then room is kept. Spread, so that not all workers do it for one task. */
const PATIENCE_MS = { least: 2_000, spread: 4_000 }
/** Room is kept no longer than this for what may have gone elsewhere. */
const KEEP_MS = 30_000

export class ShapeQueues implements Disposable {
  readonly #options: ShapeQueuesOptions
  readonly #queues = new Map<string, Queue>()
  readonly #timer: NodeJS.Timeout
  readonly #patience = PATIENCE_MS.least + Math.random() * PATIENCE_MS.spread
  #kept: { shape: string; until: number } | undefined
  #looking = false

  constructor(options: ShapeQueuesOptions) {
    this.#options = options
    for (const pool of options.pools) this.#open(CONSUMER.tasks(pool), pool)
    this.look()
    this.#timer = setInterval(() => this.look(), LOOK_MS)
    this.#timer.unref()
  }

  /** There is more room than before. */
  more(): void {
    for (const { puller } of this.#queues.values()) puller.more()
  }

  /** There may be queues that were not there before. */
  look(): void {
    void this.#look()
  }

  /** Takes nothing more. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer)
    for (const { puller } of this.#queues.values()) puller.stop()
  }

  async #look(): Promise<void> {
    if (this.#looking) return
    this.#looking = true
    try {
      const names = await consumerNames(this.#options.bus.nc, STREAM.tasks)
      for (const pool of this.#options.pools) for (const name of names) this.#open(name, pool)
      await this.#feedStarving()
    } catch {
      // The broker is away: it is asked again.
    } finally {
      this.#looking = false
    }
  }

  #open(consumer: string, pool: string): void {
    const shape = shapeOfConsumer(pool, consumer)
    if (shape === undefined || this.#queues.has(consumer) || !this.#options.fitsEver(shape)) return
    const { bus, roomFor, onBatch } = this.#options
    const puller = new Puller(bus, { stream: STREAM.tasks, consumer, credit: () => roomFor(shape), onBatch })
    this.#queues.set(consumer, { shape, puller, roomlessSince: undefined })
  }

  async #feedStarving(): Promise<void> {
    const now = performance.now()
    if (this.#kept && now > this.#kept.until) this.#keep(undefined)
    for (const [consumer, queue] of this.#queues) {
      if (this.#options.roomFor(queue.shape) > 0) {
        queue.roomlessSince = undefined
        if (this.#kept?.shape === queue.shape) this.#keep(undefined)
        continue
      }
      queue.roomlessSince ??= now
      if (this.#kept || now - queue.roomlessSince < this.#patience) continue
      const backlog = await backlogOf(this.#options.bus.nc, STREAM.tasks, consumer)
      if ((backlog?.waiting ?? 0) > 0) this.#keep(queue.shape)
      // Nothing waits there: looked at again after the same time.
      else queue.roomlessSince = undefined
    }
  }

  #keep(shape: string | undefined): void {
    this.#kept = shape === undefined ? undefined : { shape, until: performance.now() + KEEP_MS }
    this.#options.onStarving(shape)
  }
}
