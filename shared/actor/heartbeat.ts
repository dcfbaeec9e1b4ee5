/** An actor's entry in the registry, renewed for as long as it lives, and its events. */

import { putEntry } from '../bus/registry.ts'
import type { ActorState } from '../contract/registry.ts'
import { registryKey } from '../contract/registry.ts'
import { HEARTBEAT_SECONDS } from '../contract/streams.ts'
import { VERSION } from '../version.ts'
import type { Actor } from './actor.ts'

export type Heartbeat = Disposable & { say(state: ActorState, pools?: string[]): void }

export function startHeartbeat(actor: Actor): Heartbeat {
  const startedAt = Date.now()
  let state: ActorState = 'starting'
  let pools: string[] | undefined
  const beat = (): void =>
    putEntry(actor.bus.nc, registryKey.actor(actor.id), {
      name: actor.name,
      id: actor.id,
      pid: process.pid,
      host: actor.host,
      state,
      ...(actor.job === undefined ? {} : { job: actor.job }),
      ...(pools === undefined ? {} : { pools }),
      startedAt,
      version: VERSION,
    })
  const timer = setInterval(beat, HEARTBEAT_SECONDS * 1000)
  timer.unref()
  const forget = actor.bus.onReconnect(beat)
  return {
    say(next, withPools) {
      state = next
      pools = withPools ?? pools
      beat()
      actor.emit({
        noun: 'actor',
        verb: next,
        id: actor.id,
        data: { name: actor.name, host: actor.host, pid: process.pid },
      })
    },
    [Symbol.dispose]() {
      clearInterval(timer)
      forget()
    },
  }
}
