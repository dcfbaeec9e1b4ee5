/** One delivered message: what it is, and the verbs that answer it. */
import type { Msg, NatsConnection } from '@nats-io/transport-node'

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

/** Reads `$JS.ACK.<stream>.<consumer>.<deliveries>.<sequence>.<consumer sequence>.<time ns>.<pending>`, with or without domain. */
export function toDelivery(nc: NatsConnection, message: Msg): Delivery {
  const reply = message.reply ?? ''
  const tokens = reply.split('.')
  const at = tokens.length > 9 ? 6 : 4
  return {
    subject: message.subject,
    data: message.data,
    get headers() {
      return message.headers
    },
    deliveries: Number(tokens[at]),
    sequence: Number(tokens[at + 1]),
    consumerSequence: Number(tokens[at + 2]),
    time: Math.floor(Number(tokens[at + 3]) / 1e6),
    ack: () => answer(nc, reply, '+ACK'),
    working: () => answer(nc, reply, '+WPI'),
    nak: (delayMs = 0) =>
      answer(nc, reply, delayMs > 0 ? `-NAK {"delay":${Math.round(delayMs * 1e6)}}` : '-NAK'),
  }
}

// An answer that can't be sent now is not missed: the message is delivered again, and found done.
function answer(nc: NatsConnection, reply: string, verb: string): void {
  try {
    nc.publish(reply, verb)
  } catch {}
}
