/**
 * Everything that a stream takes, in order and without gaps, from a given sequence on. The broker keeps nothing for
 * it: a gap, a reconnect or silence while the stream grows makes a new consumer from the last sequence seen plus one.
 */
import { nuid } from '@nats-io/transport-node'
import type { StreamName } from '../contract/streams.ts'
import type { Bus } from './connect.ts'
import type { Delivery } from './delivery.ts'
import { Puller } from './puller.ts'

export type FeedOptions = {
  stream: StreamName
  filters: string[]
  /** First sequence wanted; 'new' = only what comes from now on. */
  from: number | 'new'
  /** Gets the next messages, in order; the feed waits for it before it asks for many more. */
  onBatch(batch: Delivery[]): void | Promise<void>
  headersOnly?: boolean
  /** Messages that may be delivered and not yet handled. */
  window?: number
}

export type Feed = {
  /** Resolves when the broker has made the consumer: what is published after that will be seen. */
  ready: Promise<void>
  /** Last sequence handled. */
  readonly position: number
  /** Listens to other subjects from here on; resolves when it does. What they had before is not given. */
  refilter(filters: string[]): Promise<void>
  /** Gives nothing more, and removes the consumer. */
  stop(): void
}

const WATCHDOG_MS = 3_000

export function openFeed(bus: Bus, options: FeedOptions): Feed {
  const feed = new OrderedFeed(bus, options)
  return feed
}

class OrderedFeed implements Feed {
  #made = Promise.withResolvers<void>()
  readonly ready = this.#made.promise
  #filters: string[]
  readonly #bus: Bus
  readonly #options: FeedOptions
  readonly #window: number
  readonly #forget: () => void
  readonly #timer: NodeJS.Timeout
  #puller: Puller | undefined
  #generation = 0
  #lastSeen: number
  #handled: number
  #expected = 1
  #unhandled = 0
  #lastArrival = performance.now()
  #chain: Promise<void> = Promise.resolve()
  #stopped = false
  #consumer = ''

  constructor(bus: Bus, options: FeedOptions) {
    this.#bus = bus
    this.#options = options
    this.#filters = options.filters
    this.#window = options.window ?? 4000
    this.#lastSeen = options.from === 'new' ? -1 : options.from - 1
    this.#handled = this.#lastSeen
    this.#forget = bus.onReconnect(() => void this.#open())
    this.#timer = setInterval(() => void this.#watch(), WATCHDOG_MS)
    this.#timer.unref()
    void this.#open()
  }

  get position(): number {
    return this.#handled
  }

  refilter(filters: string[]): Promise<void> {
    this.#filters = filters
    const old = this.#consumer
    this.#made.resolve()
    this.#made = Promise.withResolvers<void>()
    void this.#open().then(() => {
      if (old !== '' && old !== this.#consumer) this.#remove(old)
    })
    return this.#made.promise
  }

  stop(): void {
    this.#stopped = true
    this.#generation++
    this.#made.resolve()
    clearInterval(this.#timer)
    this.#forget()
    this.#puller?.stop()
    if (this.#consumer) this.#remove(this.#consumer)
  }

  #remove(consumer: string): void {
    void this.#api(`CONSUMER.DELETE.${this.#options.stream}.${consumer}`, '').catch(() => {})
  }

  async #open(): Promise<void> {
    const generation = ++this.#generation
    this.#puller?.stop()
    this.#puller = undefined
    while (!this.#stopped && generation === this.#generation) {
      try {
        const consumer = await this.#create()
        if (this.#stopped || generation !== this.#generation) return
        this.#consumer = consumer
        this.#expected = 1
        this.#lastArrival = performance.now()
        this.#puller = new Puller(this.#bus, {
          stream: this.#options.stream,
          consumer,
          credit: () => this.#window - this.#unhandled,
          onBatch: (batch) => this.#receive(generation, batch),
          onGone: () => generation === this.#generation && void this.#open(),
        })
        this.#made.resolve()
        return
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 200))
      }
    }
  }

  async #create(): Promise<string> {
    const { stream, headersOnly } = this.#options
    const filters = this.#filters
    const name = `feed-${nuid.next()}`
    const fresh = this.#lastSeen < 0
    const config = {
      name,
      ack_policy: 'none',
      deliver_policy: fresh ? 'new' : 'by_start_sequence',
      ...(fresh ? {} : { opt_start_seq: this.#lastSeen + 1 }),
      ...(filters.length === 1 ? { filter_subject: filters[0] } : { filter_subjects: filters }),
      headers_only: headersOnly ?? false,
      mem_storage: true,
      num_replicas: 1,
      inactive_threshold: 30e9,
    }
    const suffix = filters.length === 1 ? `.${filters[0]}` : ''
    const info = (await this.#api(
      `CONSUMER.CREATE.${stream}.${name}${suffix}`,
      JSON.stringify({ stream_name: stream, config, action: 'create' }),
    )) as { delivered: { stream_seq: number } }
    // From here on a new consumer starts where this one did, even if nothing was seen yet.
    if (fresh) {
      this.#lastSeen = info.delivered.stream_seq
      this.#handled = this.#lastSeen
    }
    return name
  }

  #receive(generation: number, batch: Delivery[]): void {
    if (generation !== this.#generation) return
    this.#lastArrival = performance.now()
    const good: Delivery[] = []
    for (const message of batch) {
      if (message.consumerSequence !== this.#expected) {
        this.#enqueue(good)
        void this.#open()
        return
      }
      this.#expected++
      this.#lastSeen = message.sequence
      good.push(message)
    }
    this.#enqueue(good)
  }

  #enqueue(batch: Delivery[]): void {
    const last = batch.at(-1)
    if (last === undefined) return
    this.#unhandled += batch.length
    this.#chain = this.#chain.then(async () => {
      if (!this.#stopped) await this.#options.onBatch(batch)
      this.#handled = last.sequence
      this.#unhandled -= batch.length
      this.#puller?.more()
    })
  }

  // The broker knows what is pending: silence with something pending means that the consumer is stuck or gone.
  async #watch(): Promise<void> {
    if (
      this.#puller === undefined ||
      this.#unhandled > 0 ||
      performance.now() - this.#lastArrival < WATCHDOG_MS
    )
      return
    const generation = this.#generation
    const seen = this.#lastSeen
    const info = await this.#api(`CONSUMER.INFO.${this.#options.stream}.${this.#consumer}`, '').catch(
      (error: unknown) => error,
    )
    if (generation !== this.#generation || seen !== this.#lastSeen || this.#unhandled > 0) return
    if (info instanceof Error) {
      if (info.message.includes('10014')) void this.#open()
      return
    }
    const { num_pending: pending, delivered } = info as {
      num_pending: number
      delivered: { consumer_seq: number }
    }
    if (pending > 0 || delivered.consumer_seq >= this.#expected) void this.#open()
  }

  async #api(subject: string, body: string): Promise<unknown> {
    const reply = await this.#bus.nc.request(`$JS.API.${subject}`, body, { timeout: 5_000 })
    const json = JSON.parse(reply.string()) as { error?: { err_code: number; description: string } }
    if (json.error) throw new Error(`${json.error.err_code} ${json.error.description}`)
    return json
  }
}
