/**
 * The allocations that this allocator holds. An un-acked command is the lease: it is renewed while the allocation
 * lives and acked when it is over; when its holder dies, the broker gives it to another one.
 */
import type { Actor } from '#shared/actor/actor.ts'
import type { Delivery } from '#shared/bus/delivery.ts'
import { Puller } from '#shared/bus/puller.ts'
import { AllocationCommand } from '#shared/contract/command.ts'
import { ACK_WAIT_SECONDS, CONSUMER, STREAM, WORKING_INTERVAL_SECONDS } from '#shared/contract/streams.ts'
import { lastToken } from '#shared/contract/subjects.ts'
import { decode } from '#shared/wire/message.ts'

export type Lease = {
  readonly pool: string
  /** Last token of the command's subject. */
  readonly id: string
  readonly command: AllocationCommand
  readonly redelivered: boolean
  /** The allocation is over. */
  release(): void
}

export type LeaseOptions = {
  pools: readonly string[]
  onLease(lease: Lease): void
  /** Somebody else may hold it now: nothing more may be done for it. */
  onLost(lease: Lease): void
}

export type Leases = {
  /** Takes no more, and hands all of them back. */
  handBack(): void
}

/** Allocations in one pool that one allocator looks after. */
const MOST = 400

type Held = { lease: Lease; delivery: Delivery }

export function takeLeases(actor: Actor, { pools, onLease, onLost }: LeaseOptions): Leases {
  const held = new Map<string, Held>()
  const countIn = (pool: string): number =>
    [...held.values()].filter(({ lease }) => lease.pool === pool).length
  const take = (pool: string, delivery: Delivery): void => {
    const present = held.get(delivery.subject)
    // Delivered again to its own holder, after a broken connection or a pause: only the newest delivery counts.
    if (present !== undefined) {
      present.delivery = delivery
      return
    }
    let command: AllocationCommand
    try {
      command = decode(AllocationCommand, delivery.data)
    } catch (error) {
      void actor
        .bury(STREAM.allocations, delivery, error)
        .catch((failure: unknown) => actor.log.error({ err: failure }, 'a dead letter could not be kept'))
      return
    }
    const lease: Lease = {
      pool,
      id: lastToken(delivery.subject),
      command,
      redelivered: delivery.deliveries > 1,
      release() {
        held.get(delivery.subject)?.delivery.ack()
        held.delete(delivery.subject)
      },
    }
    held.set(delivery.subject, { lease, delivery })
    onLease(lease)
  }
  const pullers = pools.map(
    (pool) =>
      new Puller(actor.bus, {
        stream: STREAM.allocations,
        consumer: CONSUMER.allocations(pool),
        credit: () => (actor.stopping.aborted ? 0 : MOST - countIn(pool)),
        onBatch: (batch) => {
          for (const delivery of batch) take(pool, delivery)
        },
      }),
  )
  let renewedAt = performance.now()
  const timer = setInterval(() => {
    const paused = performance.now() - renewedAt > ACK_WAIT_SECONDS * 1000
    renewedAt = performance.now()
    if (!paused) {
      for (const { delivery } of held.values()) delivery.working()
      return
    }
    // This process stood still for longer than the broker waits: any of them may be another's. An answer of ours
    // would count as that one's, so none is given.
    const lost = [...held.values()]
    held.clear()
    for (const { lease } of lost) onLost(lease)
  }, WORKING_INTERVAL_SECONDS * 1000)
  timer.unref()
  return {
    handBack() {
      clearInterval(timer)
      for (const puller of pullers) puller.stop()
      for (const { delivery } of held.values()) delivery.nak()
      held.clear()
    },
  }
}
