/** An actor as `runActor` makes it, but inside the test's process and without a heartbeat. */
import { hostname } from 'node:os'
import { pino } from 'pino'
import type { Actor } from '#shared/actor/actor.ts'
import { deadLetters } from '#shared/actor/dead-letters.ts'
import { openBlobs } from '#shared/bus/blobs.ts'
import { type BusAddress, connectBus } from '#shared/bus/connect.ts'
import { eventEmitter } from '#shared/bus/events.ts'
import { Publisher } from '#shared/bus/publisher.ts'

export type TestActor = Actor & AsyncDisposable

export async function testActor(address: BusAddress, id = 'results-test'): Promise<TestActor> {
  const bus = await connectBus(address, id)
  const log = pino({ level: process.env.QUBUS_TEST_LOG ?? 'silent' }, pino.destination(2))
  const stopping = new AbortController()
  const publishers: Publisher[] = []
  return {
    name: 'results',
    id,
    host: hostname(),
    job: undefined,
    environment: {} as Actor['environment'],
    bus,
    blobs: openBlobs(bus.nc),
    log,
    emit: eventEmitter(bus.nc, `/qubus/results/${id}`),
    beat() {},
    publisher(options) {
      const publisher = new Publisher(bus.nc, options)
      publishers.push(publisher)
      return publisher
    },
    bury: deadLetters(bus.nc, id, log),
    stopping: stopping.signal,
    stop: (why) => stopping.abort(new Error(why)),
    async [Symbol.asyncDispose]() {
      stopping.abort(new Error('the test is over'))
      for (const publisher of publishers) publisher.close()
      await bus[Symbol.asyncDispose]()
    },
  }
}
