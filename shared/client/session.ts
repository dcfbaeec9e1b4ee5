/** A client's connection to the system: the bus, and the blobs on it. */
import { userInfo } from 'node:os'
import { type Blobs, openBlobs } from '../bus/blobs.ts'
import { type Bus, type BusAddress, connectBus } from '../bus/connect.ts'
import { Publisher } from '../bus/publisher.ts'
import { connectionFor } from '../config/credentials.ts'
import { readEnvironment, variablesWith } from '../config/environment.ts'
import { STREAM } from '../contract/streams.ts'

export type ConnectOptions = {
  /** Folder of the system's state; default `QUBUS_HOME`, or the usual one. */
  home?: string
  /** Broker of a system elsewhere; default `QUBUS_URL`. */
  url?: string
  /** Credentials file for that broker; default `QUBUS_CREDS`. */
  credentials?: string
}

export type Session = AsyncDisposable & {
  bus: Bus
  blobs: Blobs
  /** Asks for runs: what is asked for at the same time shares a sync of the broker's disk. */
  requests: Publisher
  /** Who asks: goes into requests and cancellations. */
  user: string
}

/**
 * @param as the broker's user.
 * @throws QubusError `NOT_RUNNING`, `UNREACHABLE` or `BAD_ENVIRONMENT`.
 */
export async function openSession(options: ConnectOptions = {}, as = 'client'): Promise<Session> {
  return openSessionAt(await connectionFor(as, readEnvironment(withOptions(options))))
}

export async function openSessionAt(address: BusAddress): Promise<Session> {
  const bus = await connectBus(address, `client-${process.pid}`)
  return {
    bus,
    blobs: openBlobs(bus.nc, { whenFull: 'throw' }),
    requests: new Publisher(bus.nc, { stream: STREAM.flows, whenFull: 'throw' }),
    user: userName(),
    [Symbol.asyncDispose]: () => bus[Symbol.asyncDispose](),
  }
}

function withOptions({ home, url, credentials }: ConnectOptions): Record<string, string | undefined> {
  return variablesWith({
    ...(home === undefined ? {} : { QUBUS_HOME: home }),
    ...(url === undefined ? {} : { QUBUS_URL: url }),
    ...(credentials === undefined ? {} : { QUBUS_CREDS: credentials }),
  })
}

// A container may run under a user id that has no name.
function userName(): string {
  try {
    return userInfo().username
  } catch {
    return String(process.getuid?.() ?? 'unknown')
  }
}
