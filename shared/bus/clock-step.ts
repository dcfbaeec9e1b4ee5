/**
 * The client waits between two dials by the host's clock (nats-core 3.4, `dialLoop`): set back by an hour while the
 * connection is down, it would dial again in an hour. This makes it forget a last dial that lies in the future.
 */
import type { NatsConnection } from '@nats-io/transport-node'

const LOOK_MS = 500

type Internals = { protocol?: { servers?: { servers?: { lastConnect: number }[] } } }

/** For as long as the connection is down. */
export function dialDespiteClock(nc: NatsConnection): Disposable {
  const timer = setInterval(() => {
    const servers = (nc as unknown as Internals).protocol?.servers?.servers ?? []
    for (const server of servers) if (server.lastConnect > Date.now()) server.lastConnect = 0
  }, LOOK_MS)
  timer.unref()
  return { [Symbol.dispose]: () => clearInterval(timer) }
}
