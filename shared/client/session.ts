/** A client's connection to the system: the bus, and the blobs on it. */
import { userInfo } from 'node:os'
import { type Blobs, openBlobs } from '../bus/blobs.ts'
import { type Bus, type BusAddress, connectBus } from '../bus/connect.ts'
import { connectionFor } from '../config/credentials.ts'
import { readEnvironment, variablesWith } from '../config/environment.ts'

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
  /** Who asks: goes into requests and cancellations. */
  user: string
}

/** @throws QubusError `NOT_RUNNING`, `UNREACHABLE` or `BAD_ENVIRONMENT`. */
export async function openSession(options: ConnectOptions = {}): Promise<Session> {
  return openSessionAt(await connectionFor('client', readEnvironment(withOptions(options))))
}

export async function openSessionAt(address: BusAddress): Promise<Session> {
  const bus = await connectBus(address, `client-${process.pid}`)
  return {
    bus,
    blobs: openBlobs(bus.nc),
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
