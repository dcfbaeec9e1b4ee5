/**
 * Which commands need not be asked about. A command that was put into its stream while this process was connected, and
 * is delivered for the first time, was never given to anybody else: the broker forgets what it has delivered only when
 * it dies, and then every connection dies with it. So only what was there before the connection, what comes soon after
 * it, and what is delivered again has to be asked about; and of each run now and then whether it still goes on.
 */
import type { NatsConnection } from '@nats-io/transport-node'
import type { Bus } from '../bus/connect.ts'
import type { Delivery } from '../bus/delivery.ts'
import type { StreamName } from '../contract/streams.ts'

export type Freshness = Disposable & {
  /** Nobody had it before, and its run was going on a moment ago. */
  isFresh(delivery: Delivery, run: string): boolean
  /** The log was asked: the run goes on. */
  goesOn(run: string): void
  /** Something was said of the run: the log has to be asked again. */
  forget(run: string): void
}

/** After a broker's restart its clients find out one after the other what they have to send again. */
const SETTLE_MS = 10_000
/** A word about a run's end may be lost: for so long it is taken to go on. */
const TRUST_MS = 30_000
const REMEMBERED_RUNS = 10_000

export function watchFreshness(bus: Bus, stream: StreamName): Freshness {
  /** What is behind it came while this connection was there and things had settled. */
  let known = Number.POSITIVE_INFINITY
  let generation = 0
  /** Until when each run is taken to go on. */
  const runs = new Map<string, number>()
  let timer: NodeJS.Timeout | undefined
  const settle = (waitMs: number): void => {
    const mine = ++generation
    known = Number.POSITIVE_INFINITY
    clearTimeout(timer)
    timer = setTimeout(() => {
      lastSequence(bus.nc, stream).then(
        (last) => {
          if (mine === generation) known = last
        },
        () => mine === generation && settle(SETTLE_MS),
      )
    }, waitMs)
    timer.unref()
  }
  settle(0)
  const forget = bus.onReconnect(() => settle(SETTLE_MS))
  return {
    isFresh: ({ sequence, deliveries }, run) =>
      deliveries === 1 && sequence > known && (runs.get(run) ?? 0) > performance.now(),
    goesOn(run) {
      if (runs.size >= REMEMBERED_RUNS) runs.delete(runs.keys().next().value as string)
      runs.set(run, performance.now() + TRUST_MS)
    },
    forget: (run) => void runs.delete(run),
    [Symbol.dispose]() {
      generation++
      clearTimeout(timer)
      forget()
    },
  }
}

async function lastSequence(nc: NatsConnection, stream: StreamName): Promise<number> {
  const reply = await nc.request(`$JS.API.STREAM.INFO.${stream}`, '', { timeout: 5_000 })
  const { state } = JSON.parse(reply.string()) as { state?: { last_seq: number } }
  if (state === undefined) throw new Error(`nothing is known of ${stream}`)
  return state.last_seq
}
