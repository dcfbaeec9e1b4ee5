/** One delivered message: what it is, and the verbs that answer it. */
import type { Msg, NatsConnection } from '@nats-io/transport-node'
import { UNSYNCED } from '../contract/streams.ts'
import { epochOf } from './epoch.ts'

export type Delivery = {
  subject: string
  data: Uint8Array
  headers: Msg['headers']
  /** Its place in the stream. */
  sequence: number
  /** Its place in what this consumer delivered. */
  consumerSequence: number
  /** 1 on the first delivery. It proves nothing: after a broker kill a second delivery counts 1 too. */
  deliveries: number
  /** Unix milliseconds at which the stream took it. */
  time: number
  ack(): void
  /** "Still at it": gives another ack_wait. */
  working(): void
  /** Hands it back, to be delivered again after `delayMs`. */
  nak(delayMs?: number): void
}

/** Undefined for what is no delivery: a word from the broker about a pull request. */
export function toDelivery(nc: NatsConnection, message: Msg): Delivery | undefined {
  const reply = message.reply
  return reply?.startsWith('$JS.ACK.') ? new BusDelivery(nc, message, reply) : undefined
}

/**
 * Reads `$JS.ACK.<stream>.<consumer>.<deliveries>.<sequence>.<consumer sequence>.<time ns>.<pending>`, with or without
 * domain. Headers are left unread until someone asks: reading them costs as much as the rest of a message.
 */
class BusDelivery implements Delivery {
  readonly subject: string
  readonly data: Uint8Array
  readonly deliveries: number
  readonly sequence: number
  readonly consumerSequence: number
  readonly time: number
  readonly #nc: NatsConnection
  readonly #message: Msg
  readonly #reply: string
  readonly #epoch: number

  constructor(nc: NatsConnection, message: Msg, reply: string) {
    const tokens = reply.split('.')
    const at = tokens.length > 9 ? 6 : 4
    this.subject = message.subject
    this.data = message.data
    this.deliveries = Number(tokens[at])
    this.sequence = Number(tokens[at + 1])
    this.consumerSequence = Number(tokens[at + 2])
    this.time = Math.floor(Number(tokens[at + 3]) / 1e6)
    this.#nc = nc
    this.#message = message
    this.#reply = reply
    this.#epoch = epochOf(nc)
  }

  get headers(): Msg['headers'] {
    return this.#message.headers
  }

  // What is not acked is delivered again, and found done.
  ack(): void {
    if (this.#epoch === epochOf(this.#nc) || !UNSYNCED.has(this.#reply.split('.', 3)[2] ?? ''))
      this.#answer('+ACK')
  }

  working(): void {
    this.#answer('+WPI')
  }

  nak(delayMs = 0): void {
    this.#answer(delayMs > 0 ? `-NAK {"delay":${Math.round(delayMs * 1e6)}}` : '-NAK')
  }

  // An answer that can't be sent now is not missed: the message is delivered again, and found done.
  #answer(verb: string): void {
    try {
      this.#nc.publish(this.#reply, verb)
    } catch {}
  }
}
