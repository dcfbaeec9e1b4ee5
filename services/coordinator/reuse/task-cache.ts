/** What tasks came to in earlier runs, by key: looked up before a task is commanded, and kept after it has completed. */
import { hash } from 'node:crypto'
import type { NatsConnection } from '@nats-io/transport-node'
import { batchedReads } from '#shared/bus/batched-reads.ts'
import { readLastOf } from '#shared/bus/direct.ts'
import { headerLine, wireHeaders } from '#shared/bus/headers.ts'
import { CacheEntry } from '#shared/contract/cache-entry.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { subject } from '#shared/contract/subjects.ts'
import { decode, encode } from '#shared/wire/message.ts'

export type TaskCache = {
  /** Undefined when nothing is kept, or the broker does not answer: then the task is done. */
  find(key: string, now: number): Promise<CacheEntry | undefined>
  /** Not waited for: whoever asks before it is there does the task. */
  keep(key: string, entry: CacheEntry): void
}

export function openTaskCache(nc: NatsConnection): TaskCache {
  const read = batchedReads((subjects) => readLastOf(nc, STREAM.cache, subjects))
  return {
    async find(key, now) {
      const stored = await read(subjectOf(key)).catch(() => undefined)
      if (stored === undefined) return undefined
      const entry = decode(CacheEntry, stored.data)
      return entry.expiresAt !== undefined && entry.expiresAt <= now ? undefined : entry
    },
    keep(key, entry) {
      const { at, expiresAt } = entry
      const headers =
        expiresAt === undefined
          ? undefined
          : {
              headers: wireHeaders(
                headerLine('Nats-TTL', `${Math.max(1, Math.ceil((expiresAt - at) / 1000))}s`),
              ),
            }
      try {
        nc.publish(subjectOf(key), encode(entry), headers)
      } catch {}
    },
  }
}

function subjectOf(key: string): string {
  return subject.cache(hash('sha256', key).slice(0, 40))
}
