/** Commands of a pool and a puller that remembers, for the tests of the bus. */
import type { Bus } from '#shared/bus/connect.ts'
import type { Delivery } from '#shared/bus/delivery.ts'
import { type Draft, Publisher } from '#shared/bus/publisher.ts'
import { Puller } from '#shared/bus/puller.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { subject } from '#shared/contract/subjects.ts'

export function commands(pool: string, run: string, count: number): Draft[] {
  return Array.from({ length: count }, (_, i) => ({
    subject: subject.task(pool, { run, step: i + 1, attempt: 1 }),
    body: Buffer.from(`${run} ${i + 1}`),
  }))
}

export async function publishAll(bus: Bus, all: Draft[]): Promise<void> {
  const publisher = new Publisher(bus.nc, { stream: STREAM.tasks, atomic: false })
  await Promise.all(all.map((each) => publisher.create(each)))
}

export type Taker = Disposable & {
  puller: Puller
  /** Everything that was delivered, in order. */
  all: Delivery[]
  /** Delivered and not answered by the test. */
  held: Set<Delivery>
  most: number
  gone: number
}

/** @param take called with each delivery; what it returns true for is no longer held. */
export function takeFrom(
  bus: Bus,
  consumer: string,
  credit: number,
  take: (delivery: Delivery) => boolean,
): Taker {
  const taker: Omit<Taker, 'puller'> & { puller?: Puller } = {
    all: [],
    held: new Set(),
    most: 0,
    gone: 0,
    [Symbol.dispose]: () => taker.puller?.stop(),
  }
  taker.puller = new Puller(bus, {
    stream: STREAM.tasks,
    consumer,
    credit: () => credit - taker.held.size,
    onBatch(batch) {
      for (const each of batch) {
        taker.all.push(each)
        taker.held.add(each)
      }
      taker.most = Math.max(taker.most, taker.held.size)
      for (const each of batch) if (take(each)) taker.held.delete(each)
    },
    onGone: () => taker.gone++,
  })
  return taker as Taker
}

export const ackIt = (delivery: Delivery): boolean => {
  delivery.ack()
  return true
}
