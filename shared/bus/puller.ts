/**
 * Pulls from a consumer as much as its owner can hold. The owner's credit decides, so that a busy actor never sits on
 * messages that an idle one could take. Survives reconnects and lost pull requests.
 */
import { createInbox, type Msg, type Subscription } from '@nats-io/transport-node'
import type { Bus } from './connect.ts'
import { type Delivery, toDelivery } from './delivery.ts'
import { gather } from './gather.ts'

export type PullerOptions = {
  stream: string
  consumer: string
  /** How many more messages may be delivered now, not counting those asked for. */
  credit(): number
  /** Gets what arrived in one turn of the event loop. */
  onBatch(batch: Delivery[]): void
  /** The consumer does not exist (any more). */
  onGone?(): void
}

// Above this, a frozen client's open requests would swallow redeliveries for long. One who was given nothing asks less
// often: a coordinator alone pulls from 32 queues.
const EXPIRES_MS = { busy: 5_000, idle: 10_000 }
const GRACE_MS = 2_000

export class Puller {
  readonly #bus: Bus
  readonly #options: PullerOptions
  #inbox = ''
  #subscription: Subscription | undefined
  readonly #forget: () => void
  readonly #timer: NodeJS.Timeout
  /** Asked for and not delivered, by the reply subject of each request. */
  #requests = new Map<string, { left: number; until: number }>()
  #asked = 0
  /** Nothing came for as long as the last request was open. */
  #idle = false
  #came = false
  #counter = 0
  #arrived: Delivery[] = []
  readonly #gather = gather(() => this.#hand())
  #stopped = false

  constructor(bus: Bus, options: PullerOptions) {
    this.#bus = bus
    this.#options = options
    this.#listen()
    this.#forget = bus.onReconnect(() => this.#restart())
    this.#timer = setInterval(() => this.#expire(), 1_000)
    this.#timer.unref()
    this.more()
  }

  /** Call when credit has grown. */
  more(): void {
    if (this.#stopped) return
    const wanted = Math.floor(this.#options.credit()) - this.#asked - this.#arrived.length
    // Topping up one by one would cost a request a message.
    if (wanted <= 0 || (this.#asked > 0 && wanted < this.#asked)) return
    const reply = `${this.#inbox}.${++this.#counter}`
    const expires = this.#idle ? EXPIRES_MS.idle : EXPIRES_MS.busy
    const request = { batch: wanted, expires: expires * 1e6 }
    try {
      this.#bus.nc.publish(
        `$JS.API.CONSUMER.MSG.NEXT.${this.#options.stream}.${this.#options.consumer}`,
        JSON.stringify(request),
        { reply },
      )
    } catch {
      return
    }
    this.#requests.set(reply, { left: wanted, until: performance.now() + expires + GRACE_MS })
    this.#asked += wanted
  }

  /** Call when there is no credit any more: what was asked for is not wanted now. What is on its way already still comes. */
  withdraw(): void {
    if (this.#stopped || this.#requests.size === 0) return
    const before = this.#subscription
    this.#listen()
    // Requests whose inbox nobody listens to are dropped by the broker.
    before?.drain().catch(() => before.unsubscribe())
    this.#forgetRequests()
    this.more()
  }

  /** Asks for nothing more; what was handed over stays the owner's, what is still on its way goes back. */
  stop(): void {
    this.#stopped = true
    clearInterval(this.#timer)
    this.#forget()
    const subscription = this.#subscription
    subscription?.drain().catch(() => subscription.unsubscribe())
  }

  #listen(): void {
    const inbox = createInbox(
      (this.#bus.nc as unknown as { options: { inboxPrefix?: string } }).options.inboxPrefix,
    )
    this.#inbox = inbox
    this.#subscription = this.#bus.nc.subscribe(`${inbox}.*`, {
      callback: (error, message) => {
        if (!error) this.#receive(message, inbox)
      },
    })
  }

  #receive(message: Msg, inbox: string): void {
    const delivery = toDelivery(this.#bus.nc, message)
    if (delivery === undefined) return this.#status(message.subject, message.headers?.code ?? 0)
    this.#came = true
    this.#idle = false
    if (inbox === this.#inbox) this.#count()
    this.#arrived.push(delivery)
    this.#gather()
  }

  #hand(): void {
    const batch = this.#arrived
    this.#arrived = []
    if (this.#stopped) for (const delivery of batch) delivery.nak()
    else this.#options.onBatch(batch)
    this.more()
  }

  // Requests are answered in the order they were made.
  #count(): void {
    for (const [reply, request] of this.#requests) {
      this.#asked--
      if (--request.left <= 0) this.#requests.delete(reply)
      return
    }
  }

  #status(reply: string, code: number): void {
    if (code === 100 || this.#stopped) return
    const request = this.#requests.get(reply)
    if (request) {
      this.#requests.delete(reply)
      this.#asked -= request.left
    }
    if (code === 404 || code === 408) {
      this.#idle = !this.#came
      this.#came = false
      return this.more()
    }
    // 409: the consumer was deleted or something else ended the request; 503: nobody answers.
    if (code === 409 || code === 503) this.#options.onGone?.()
    setTimeout(() => this.more(), 250).unref()
  }

  #expire(): void {
    const now = performance.now()
    for (const [reply, request] of this.#requests) {
      if (request.until > now) continue
      this.#requests.delete(reply)
      this.#asked -= request.left
    }
    this.more()
  }

  // A new inbox: what the broker, or the client's buffer, still has of older requests must not be answered too.
  #restart(): void {
    this.#subscription?.unsubscribe()
    this.#listen()
    this.#forgetRequests()
    this.more()
  }

  #forgetRequests(): void {
    this.#requests.clear()
    this.#asked = 0
  }
}
