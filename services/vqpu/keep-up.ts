/** What a host does beside running circuits, as long as it lives: signs of life, and looking at the log. */
import type { Actor } from '#shared/actor/actor.ts'
import { HEARTBEAT_SECONDS, WORKING_INTERVAL_SECONDS } from '#shared/contract/streams.ts'
import { filter, lastToken } from '#shared/contract/subjects.ts'
import type { CircuitsInHand } from './circuits-in-hand.ts'
import type { DeviceEntry } from './entry.ts'

const ANNOUNCE_EVERY_MS = 100

export type Upkeep = { actor: Actor; hand: CircuitsInHand; entry: DeviceEntry; countBacklog(): Promise<void> }

export function keepUp({ actor, hand, entry, countBacklog }: Upkeep): Disposable {
  const stack = new DisposableStack()
  const every = (ms: number, act: () => void): void => {
    const timer = setInterval(act, ms)
    stack.defer(() => clearInterval(timer))
  }
  every(WORKING_INTERVAL_SECONDS * 1000, () => hand.sayWorking())
  every(ANNOUNCE_EVERY_MS, () => hand.announce())
  every(HEARTBEAT_SECONDS * 1000, () => {
    // A lost `control` message costs no more than a heartbeat.
    hand.askAgain({ olderMs: HEARTBEAT_SECONDS * 1000 })
    void countBacklog().finally(() => entry.beat())
  })
  stack.defer(actor.bus.onReconnect(() => entry.beat()))
  const subscription = actor.bus.nc.subscribe(filter.controls, {
    callback: (error, message) => {
      if (!error) hand.askAgain({ run: lastToken(message.subject) })
    },
  })
  stack.defer(() => subscription.unsubscribe())
  return stack
}
