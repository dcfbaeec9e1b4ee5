/** One connection to the broker: dials out, and again for ever. */
import { setTimeout as pause } from 'node:timers/promises'
import { connect, errors, type NatsConnection } from '@nats-io/transport-node'
import { QubusError } from '../contract/errors.ts'
import { dialDespiteClock } from './clock-step.ts'
import { nextEpoch } from './epoch.ts'

export type BusAddress = { url: string; user: string; password: string }

export type Bus = AsyncDisposable & {
  nc: NatsConnection
  /** Calls back after every reconnect; returns a function that stops that. */
  onReconnect(callback: () => void): () => void
}

/**
 * @param name shown in the broker's list of connections.
 * @throws QubusError `UNREACHABLE` when the broker does not answer within `timeoutMs`, when nobody listens there for
 * 2 s, or when it refuses the credentials.
 */
export async function connectBus(address: BusAddress, name: string, timeoutMs = 10_000): Promise<Bus> {
  const nc = await dial(address, name, timeoutMs)
  const callbacks = new Set<() => void>()
  void watchReconnects(nc, callbacks)
  return {
    nc,
    onReconnect(callback) {
      callbacks.add(callback)
      return () => callbacks.delete(callback)
    },
    async [Symbol.asyncDispose]() {
      callbacks.clear()
      if (!nc.isClosed())
        await Promise.race([
          nc.drain().catch(() => {}),
          new Promise((done) => setTimeout(done, 2000).unref()),
        ])
      if (!nc.isClosed()) await nc.close()
    },
  }
}

/** A broker that is being started anew refuses for about this long; one that was never there for ever. */
const REFUSED_MS = 2_000
const AGAIN_MS = 100

async function dial(address: BusAddress, name: string, timeoutMs: number): Promise<NatsConnection> {
  const begun = performance.now()
  for (;;) {
    const leftMs = timeoutMs - (performance.now() - begun)
    try {
      return await dialOnce(address, name, Math.max(AGAIN_MS, leftMs))
    } catch (cause) {
      const elapsedMs = performance.now() - begun + AGAIN_MS
      if (elapsedMs < patienceMs(cause, timeoutMs)) {
        await pause(AGAIN_MS)
        continue
      }
      throw new QubusError(
        'UNREACHABLE',
        `the broker at ${address.url} can't be reached: ${(cause as Error).message}`,
        { cause },
      )
    }
  }
}

/** How long to dial on after `error`: a broker that ends or begins refuses, or hangs up before it says who it is. */
function patienceMs(error: unknown, timeoutMs: number): number {
  for (let at = error; at instanceof Error; at = at.cause) {
    const { code } = at as NodeJS.ErrnoException
    if (code === 'ECONNRESET' || code === 'EPIPE') return timeoutMs
    if (code === 'ECONNREFUSED') return Math.min(REFUSED_MS, timeoutMs)
  }
  // That is all it is told when the socket ends without an error of its own.
  return error instanceof errors.ConnectionError && error.cause === undefined ? timeoutMs : 0
}

function dialOnce(
  { url, user, password }: BusAddress,
  name: string,
  timeoutMs: number,
): Promise<NatsConnection> {
  return connect({
    servers: url,
    user,
    pass: password,
    name,
    inboxPrefix: `_INBOX_${user}`,
    timeout: timeoutMs,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 100,
    reconnectJitter: 100,
    pingInterval: 5_000,
    maxPingOut: 2,
    ignoreAuthErrorAbort: true,
    // A stack for every request costs more than the request.
    noAsyncTraces: true,
  })
}

async function watchReconnects(nc: NatsConnection, callbacks: Set<() => void>): Promise<void> {
  let down: Disposable | undefined
  for await (const status of nc.status()) {
    if (status.type === 'disconnect') down ??= dialDespiteClock(nc)
    if (status.type === 'disconnect' || status.type === 'reconnect') nextEpoch(nc)
    if (status.type !== 'reconnect') continue
    down?.[Symbol.dispose]()
    down = undefined
    for (const callback of [...callbacks]) callback()
  }
  down?.[Symbol.dispose]()
}
