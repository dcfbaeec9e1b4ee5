/**
 * The lease on what this coordinator holds: the un-acked flow requests. Renewed every 3 s; a process that was frozen
 * for longer than ack_wait must not touch them any more, since its answers would act on the new holder's delivery.
 */
import type { Actor } from '#shared/actor/actor.ts'
import type { Delivery } from '#shared/bus/delivery.ts'
import { ACK_WAIT_SECONDS, WORKING_INTERVAL_SECONDS } from '#shared/contract/streams.ts'

export type Lease = Disposable & {
  /** False from the moment that the broker may have given the requests to somebody else. */
  holds(): boolean
}

/** @param onLost called once the lease was missed; what is held then must be let go without a word. */
export function keepLease(actor: Actor, held: () => Iterable<Delivery>, onLost: () => void): Lease {
  let renewedAt = performance.now()
  const missed = (): boolean => performance.now() - renewedAt > ACK_WAIT_SECONDS * 1000
  const renew = (): void => {
    if (missed()) {
      actor.log.warn(
        { seconds: (performance.now() - renewedAt) / 1000 },
        'the lease was missed: letting go of all runs',
      )
      onLost()
    } else {
      for (const delivery of held()) delivery.working()
    }
    renewedAt = performance.now()
  }
  const timer = setInterval(renew, WORKING_INTERVAL_SECONDS * 1000)
  return {
    holds() {
      if (!missed()) return true
      renew()
      return false
    },
    [Symbol.dispose]: () => clearInterval(timer),
  }
}
