/** An actor's entry in the registry, renewed for as long as it lives, and its events. */

import { putEntry } from '../bus/registry.ts'
import type { ActorState } from '../contract/registry.ts'
import { registryKey } from '../contract/registry.ts'
import { HEARTBEAT_SECONDS } from '../contract/streams.ts'
import { VERSION } from '../version.ts'
import type { Actor, Running } from './actor.ts'

export type Heartbeat = Disposable & {
  say(state: ActorState, running?: Pick<Running, 'pools' | 'facts'>): void
  beat(): void
}

export function startHeartbeat(actor: Omit<Actor, 'beat'>): Heartbeat {
  const startedAt = Date.now()
  let state: ActorState = 'starting'
  let running: Pick<Running, 'pools' | 'facts'> = {}
  const beat = (): void =>
    putEntry(actor.bus.nc, registryKey.actor(actor.id), {
      name: actor.name,
      id: actor.id,
      pid: process.pid,
      host: actor.host,
      state,
      ...(actor.job === undefined ? {} : { job: actor.job }),
      ...(running.pools === undefined ? {} : { pools: running.pools }),
      ...running.facts?.(),
      startedAt,
      version: VERSION,
    })
  const timer = setInterval(beat, HEARTBEAT_SECONDS * 1000)
  timer.unref()
  const forget = actor.bus.onReconnect(beat)
  return {
    beat,
    say(next, withFacts) {
      state = next
      running = withFacts ?? running
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
