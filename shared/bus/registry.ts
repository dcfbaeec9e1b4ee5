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

/** How often it is looked whether somebody went silent. */
const LOOK_MS = 2_000
/** A listing all the same, should a heartbeat have been missed. */
const LIST_MS = 30_000

/**
 * Keeps a view of the registry: heartbeats are heard live. A full listing at first, after each reconnect, now and then,
 * and when somebody went silent: markers of what expired can be missing.
 * @param onChange called after every listing and whenever an entry is new or changed.
 */
export function watchRegistry(bus: Bus, onChange: (view: RegistryView) => void): RegistryWatch {
  const view: RegistryView = { actors: new Map(), vqpus: new Map() }
  /** By subject: what it said last, and when. Most heartbeats say the same as the one before. */
  const heard = new Map<string, { at: number; data: Uint8Array }>()
  let listedAt = Number.NEGATIVE_INFINITY
  const subscription = bus.nc.subscribe(`${PREFIX}>`, {
    callback: (error, { subject, data }) => {
      if (error) return
      const before = heard.get(subject)
      if (data.length === 0) heard.delete(subject)
      else heard.set(subject, { at: performance.now(), data: Uint8Array.from(data) })
      if (before !== undefined && Buffer.compare(before.data, data) === 0) return
      place(view, subject, data)
      onChange(view)
    },
  })
  const list = async (): Promise<void> => {
    listedAt = performance.now()
    const listed = await readRegistry(bus.nc).catch(() => undefined)
    if (listed === undefined) return
    const recent = (id: string) => performance.now() - (heard.get(PREFIX + id)?.at ?? -1e9) < LOOK_MS
    merge(view.actors, listed.actors, (id) => recent(`actor.${id}`))
    merge(view.vqpus, listed.vqpus, (id) => recent(`vqpu.${id}`))
    for (const subject of heard.keys()) if (!isIn(view, subject)) heard.delete(subject)
    onChange(view)
  }
  const look = (): void => {
    const now = performance.now()
    const silent = (noun: string, id: string) =>
      now - (heard.get(`${PREFIX}${noun}.${id}`)?.at ?? -1e9) > REGISTRY_TTL_SECONDS * 1000
    if (
      now - listedAt > LIST_MS ||
      [...view.actors.keys()].some((id) => silent('actor', id)) ||
      [...view.vqpus.keys()].some((id) => silent('vqpu', id))
    )
      void list()
  }
  const timer = setInterval(look, LOOK_MS)
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

function parseSubject(subject: string): { noun: string; id: string } {
  const [noun = '', ...rest] = subject.slice(PREFIX.length).split('.')
  return { noun, id: rest.join('.') }
}

function isIn({ actors, vqpus }: RegistryView, subject: string): boolean {
  const { noun, id } = parseSubject(subject)
  return (noun === 'actor' ? actors : vqpus).has(id)
}

function place(view: RegistryView, subject: string, data: Uint8Array): void {
  const { noun, id } = parseSubject(subject)
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
