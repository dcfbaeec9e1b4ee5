/** A queue of circuits that this host takes from: its own, or its pool's. Whoever launches a host makes its queue. */
import type { Actor } from '#shared/actor/actor.ts'
import { backlogOf } from '#shared/bus/consumers.ts'
import { Puller } from '#shared/bus/puller.ts'
import { CONSUMER, STREAM } from '#shared/contract/streams.ts'
import type { CircuitsInHand } from './circuits-in-hand.ts'

/** The device token under which circuits for any vQPU of a pool wait. */
export function poolQueue(pool: string): string {
  return `pool-${pool}`
}

const LOOK_EVERY_MS = 500
const SAY_EVERY = 20

/** Resolves when the queue of `device` exists. @throws the reason for stopping. */
export async function waitForQueue(actor: Actor, device: string): Promise<void> {
  const consumer = CONSUMER.circuits(device)
  for (let looks = 0; (await waiting(actor, device)) === undefined; looks++) {
    if (looks % SAY_EVERY === 0) {
      actor.log.warn(
        { stream: STREAM.circuits, consumer },
        'waiting for the queue of this device: the allocator makes it',
      )
    }
    await pause(LOOK_EVERY_MS, actor.stopping)
  }
}

/** How many circuits wait there, not counting those delivered; undefined when the queue can't be seen. */
export async function waiting(actor: Actor, device: string): Promise<number | undefined> {
  const backlog = await backlogOf(actor.bus.nc, STREAM.circuits, CONSUMER.circuits(device)).catch(
    () => undefined,
  )
  return backlog?.waiting
}

export function pullFrom(actor: Actor, device: string, hand: CircuitsInHand): Puller {
  const consumer = CONSUMER.circuits(device)
  let saidAt = -Infinity
  return new Puller(actor.bus, {
    stream: STREAM.circuits,
    consumer,
    credit: () => hand.room,
    onBatch: (batch) => hand.accept(batch),
    onGone() {
      if (performance.now() - saidAt < 10_000) return
      saidAt = performance.now()
      actor.log.warn(
        { stream: STREAM.circuits, consumer },
        'the queue of this device is gone or does not answer',
      )
    },
  })
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer)
      reject(signal.reason)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop)
      resolve()
    }, ms)
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
  })
}
