/** Messages that are given up: kept in `DEAD` with the error, so that a person can look and replay. */
import type { NatsConnection } from '@nats-io/transport-node'
import type { Logger } from 'pino'
import type { Delivery } from '../bus/delivery.ts'
import { headerLine } from '../bus/headers.ts'
import { Publisher } from '../bus/publisher.ts'
import type { DeadLetter } from '../contract/dead-letter.ts'
import { toFailure } from '../contract/failure.ts'
import { STREAM, type StreamName } from '../contract/streams.ts'
import { subject } from '../contract/subjects.ts'
import { encode } from '../wire/message.ts'

/** Stores the dead letter, then acks the message. */
export type BuryLetter = (stream: StreamName, delivery: Delivery, error: unknown) => Promise<void>

/** A letter is a message too: of one that is as large as the broker takes, the end is left out. */
const MOST_BYTES = 900_000

export function deadLetters(nc: NatsConnection, by: string, log: Logger): BuryLetter {
  const publisher = new Publisher(nc, { stream: STREAM.dead, atomic: false })
  return async (stream, delivery, error) => {
    log.error({ stream, subject: delivery.subject, err: error }, 'message given up')
    const letter: DeadLetter = {
      stream,
      subject: delivery.subject,
      sequence: delivery.sequence,
      body: delivery.data.subarray(0, MOST_BYTES),
      size: delivery.data.length,
      headers: headersOf(delivery),
      error: toFailure(error, 'POISON'),
      by,
      at: Date.now(),
    }
    // The sequence is part of the name: the same message is buried once, however often it is delivered.
    await publisher.create({
      subject: `${subject.dead(stream, delivery.subject)}.${delivery.sequence}`,
      body: encode(letter),
    })
    delivery.ack()
  }
}

// The broker's own speak of the first time it was stored.
function headersOf({ headers }: Delivery): string {
  let lines = ''
  for (const key of headers?.keys() ?? [])
    if (!key.startsWith('Nats-'))
      for (const value of headers?.values(key) ?? []) lines += headerLine(key, value)
  return lines
}
