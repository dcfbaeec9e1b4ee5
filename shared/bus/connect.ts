/** One connection to the broker: dials out, and again for ever. */
import { connect, type NatsConnection } from '@nats-io/transport-node'
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
 * @throws QubusError `UNREACHABLE` when the broker does not answer within `timeoutMs`, or refuses the credentials.
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

async function dial(
  { url, user, password }: BusAddress,
  name: string,
  timeoutMs: number,
): Promise<NatsConnection> {
  try {
    return await connect({
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
  } catch (cause) {
    throw new QubusError(
      'UNREACHABLE',
      `the broker at ${url} can't be reached: ${(cause as Error).message}`,
      { cause },
    )
  }
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
