/** An actor on a real bus that only tests drive: no process, no heartbeat. */
import { hostname } from 'node:os'
import { pino } from 'pino'
import type { Actor } from '#shared/actor/actor.ts'
import { deadLetters } from '#shared/actor/dead-letters.ts'
import { openBlobs } from '#shared/bus/blobs.ts'
import type { Bus } from '#shared/bus/connect.ts'
import { eventEmitter } from '#shared/bus/events.ts'
import { Publisher } from '#shared/bus/publisher.ts'
import type { ActorName } from '#shared/contract/registry.ts'
import type { TestBroker } from './with-broker.ts'

export type BareActor = Actor & { stop(): void }

export function bareActor(broker: TestBroker, bus: Bus, name: ActorName, id: string): BareActor {
  const stopping = new AbortController()
  const log = pino({ level: 'silent' })
  return {
    name,
    id,
    host: hostname(),
    job: undefined,
    environment: broker.environment,
    bus,
    blobs: openBlobs(bus.nc),
    log,
    emit: eventEmitter(bus.nc, `/qubus/${name}/${id}`),
    beat() {},
    publisher: (options) => new Publisher(bus.nc, options),
    bury: deadLetters(bus.nc, id, log),
    stopping: stopping.signal,
    stop: () => stopping.abort(),
  }
}
