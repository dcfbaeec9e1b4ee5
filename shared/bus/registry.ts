/** The registry: who is alive. Entries vanish when their owner stops renewing them. */
import type { NatsConnection } from '@nats-io/transport-node'
import { ActorEntry, VqpuEntry } from '../contract/registry.ts'
import { REGISTRY_BUCKET, REGISTRY_TTL_SECONDS } from '../contract/streams.ts'
import { encode, unpack } from '../wire/message.ts'
import type { Bus } from './connect.ts'
import { readAll } from './direct.ts'

const PREFIX = `$KV.${REGISTRY_BUCKET}.`

/** Writes an entry; never awaited: the next heartbeat comes anyway. */
export function putEntry(nc: NatsConnection, key: string, entry: ActorEntry | VqpuEntry): void {
  try {
    nc.publish(PREFIX + key, encode(entry))
  } catch {}
}

export type RegistryView = {
  actors: Map<string, ActorEntry>
  vqpus: Map<string, VqpuEntry>
}

/** All entries that are alive now. */
export async function readRegistry(nc: NatsConnection): Promise<RegistryView> {
  const view: RegistryView = { actors: new Map(), vqpus: new Map() }
  // One message a key; in pages, because the broker names no more than 1,024 subjects at once.
  for await (const page of readAll(nc, `KV_${REGISTRY_BUCKET}`, `${PREFIX}>`)) {
    for (const { subject, data, time } of page) {
      if (Date.now() - Date.parse(time) < REGISTRY_TTL_SECONDS * 1000) place(view, subject, data)
    }
  }
  return view
}

export type RegistryWatch = RegistryView &
  Disposable & {
    /** Resolves after the first full listing. */
    ready: Promise<void>
  }

/**
 * Keeps a view of the registry: heartbeats are heard live, and a full listing every few seconds and after each
 * reconnect finds what went silent, since expiry markers can be missing.
 * @param onChange called after every listing and whenever an entry is new or changed.
 */
export function watchRegistry(bus: Bus, onChange: (view: RegistryView) => void): RegistryWatch {
  const view: RegistryView = { actors: new Map(), vqpus: new Map() }
  const heard = new Map<string, number>()
  const subscription = bus.nc.subscribe(`${PREFIX}>`, {
    callback: (error, message) => {
      if (error) return
      heard.set(message.subject, performance.now())
      place(view, message.subject, message.data)
      onChange(view)
    },
  })
  const list = async (): Promise<void> => {
    const listed = await readRegistry(bus.nc).catch(() => undefined)
    if (listed === undefined) return
    const recent = (subject: string) => performance.now() - (heard.get(PREFIX + subject) ?? -1e9) < 2_000
    merge(view.actors, listed.actors, (id) => recent(`actor.${id}`))
    merge(view.vqpus, listed.vqpus, (id) => recent(`vqpu.${id}`))
    onChange(view)
  }
  const timer = setInterval(() => void list(), 2_000)
  timer.unref()
  const forget = bus.onReconnect(() => void list())
  return {
    ...view,
    ready: list(),
    [Symbol.dispose]() {
      clearInterval(timer)
      forget()
      subscription.unsubscribe()
    },
  }
}

function merge<T>(into: Map<string, T>, from: Map<string, T>, keep: (id: string) => boolean): void {
  for (const id of [...into.keys()]) if (!from.has(id) && !keep(id)) into.delete(id)
  for (const [id, entry] of from) if (!into.has(id) || !keep(id)) into.set(id, entry)
}

function place(view: RegistryView, subject: string, data: Uint8Array): void {
  const [noun, ...rest] = subject.slice(PREFIX.length).split('.')
  const id = rest.join('.')
  const schema = noun === 'actor' ? ActorEntry : noun === 'vqpu' ? VqpuEntry : undefined
  if (schema === undefined) return
  const entry = data.length === 0 ? undefined : schema.safeParse(tryUnpack(data)).data
  const map = (noun === 'actor' ? view.actors : view.vqpus) as Map<string, unknown>
  if (entry === undefined) map.delete(id)
  else map.set(id, entry)
}

function tryUnpack(data: Uint8Array): unknown {
  try {
    return unpack(data)
  } catch {
    return undefined
  }
}
