/**
 * The broker's clock, as it can be told here. The log's times are the broker's, so all coordinators go by it: one whose
 * own clock is off, or jumps, begins no retry and ends no sleep earlier or later than the others.
 */
import type { NatsConnection } from '@nats-io/transport-node'
import { STREAM } from '#shared/contract/streams.ts'
import { type Clock, clockBy } from './clock.ts'

const LOOK_MS = 5_000
/** An answer that took longer says too little. */
const PROMPT_MS = 1_000
/** Less is as likely the way of the answer. */
const NOTICED_MS = 50

export type BrokerClock = Clock &
  Disposable & {
    /** Resolves when the broker was asked once, whether or not it answered. */
    ready: Promise<void>
  }

export function brokerClock(nc: NatsConnection): BrokerClock {
  // Until the broker has said: this host's own time. What passes is measured by a clock that does not jump.
  let ahead = Date.now() - performance.now()
  let known = false
  let stopped = false
  let timer: NodeJS.Timeout | undefined
  const clock = clockBy(() => Math.floor(performance.now() + ahead))
  const look = async (): Promise<void> => {
    const asked = performance.now()
    const at = await timeOf(nc)
    const heard = performance.now()
    if (stopped) return
    if (at !== undefined && (!known || heard - asked < PROMPT_MS)) {
      const said = at - (asked + heard) / 2
      known = true
      if (Math.abs(said - ahead) > NOTICED_MS) {
        ahead = said
        clock.moved()
      }
    }
    timer = setTimeout(() => void look(), LOOK_MS)
  }
  return {
    ...clock,
    ready: look(),
    [Symbol.dispose]() {
      stopped = true
      clearTimeout(timer)
    },
  }
}

// Every answer about a stream says when it was given.
async function timeOf(nc: NatsConnection): Promise<number | undefined> {
  try {
    const reply = await nc.request(`$JS.API.STREAM.INFO.${STREAM.permits}`, '', { timeout: 5_000 })
    const at = Date.parse((JSON.parse(reply.string()) as { ts?: string }).ts ?? '')
    return Number.isNaN(at) ? undefined : at
  } catch {
    return undefined
  }
}
