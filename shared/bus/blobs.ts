/** Blobs: large values, bundles and artifacts, stored under the SHA-256 of their content and checked when read. */
import { hash } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { NatsConnection } from '@nats-io/transport-node'
import { codeOf, QubusError } from '../contract/errors.ts'
import type { Payload } from '../contract/payload.ts'
import { BLOB_BUCKET, INLINE_LIMIT } from '../contract/streams.ts'
import { roomOf } from './blob-room.ts'
import { readAll, readLast } from './direct.ts'
import { EXPECT_SEQUENCE, headerLine, wireHeaders } from './headers.ts'
import { muxOf } from './mux.ts'
import { verdictOf } from './verdict.ts'
import { type BlobEntry, ROLLUP, writeBlob } from './write-blob.ts'

const BLOB_STREAM = `OBJ_${BLOB_BUCKET}` as const

export type Blobs = {
  /**
   * Stores `bytes` unless they are there; returns their SHA-256 in hex. Resolves when they are on disk.
   * @throws QubusError `STREAM_FULL` with `whenFull: 'throw'`, or for more than the store takes in all; `UNREACHABLE`
   * when the broker does not answer.
   */
  put(bytes: Uint8Array): Promise<string>
  /** @throws QubusError `BLOB_MISSING`, `BLOB_CORRUPT`, or `UNREACHABLE` when the broker does not answer. */
  get(sha256: string): Promise<Uint8Array>
  /** A payload for `bytes`: inline up to 256 KiB, above as a blob, which is stored first. */
  toPayload(bytes: Uint8Array): Payload | Promise<Payload>
  /** The bytes of a payload. */
  fromPayload(payload: Payload): Uint8Array | Promise<Uint8Array>
}

/**
 * A blob that is stored again this long after it was becomes a young one: it is not collected before somebody refers
 * to it. Far less than the least age of what is collected.
 */
const REFRESH_AFTER_MS = 60_000

export type BlobsOptions = {
  refreshAfterMs?: number
  /** What to do when the store is full: wait for room (default), or throw `STREAM_FULL`. */
  whenFull?: 'wait' | 'throw'
}

export function openBlobs(
  nc: NatsConnection,
  { refreshAfterMs = REFRESH_AFTER_MS, whenFull = 'wait' }: BlobsOptions = {},
): Blobs {
  // Thousands who want to store the same at once, as with a flow's code, do so once.
  const underWay = new Map<string, Promise<string>>()
  const room = roomOf(nc)
  const storeOnce = async (name: string, bytes: Uint8Array): Promise<string> => {
    let unreachable = 0
    for (let tries = 1; ; tries++) {
      try {
        if (await isThere(nc, name, bytes.length, refreshAfterMs)) return name
        // Pieces of what can't be stored whole would take the room of others until they are collected.
        using _ = await room.take(bytes.length)
        await writeBlob(nc, blobSubject(name), name, bytes)
        return name
      } catch (error) {
        const code = codeOf(error)
        const mayPass =
          code === 'STREAM_FULL' && whenFull === 'wait' && (error as QubusError).facts?.['never'] !== true
        if (nc.isClosed() || !(mayPass || (code === 'UNREACHABLE' && ++unreachable < TRIES))) throw error
        await pause(mayPass ? Math.min(MOST_PAUSE_MS, PAUSE_MS * tries) : PAUSE_MS * unreachable)
      }
    }
  }
  const blobs: Blobs = {
    put(bytes) {
      const name = hash('sha256', bytes)
      const same = underWay.get(name)
      if (same !== undefined) return same
      const put = storeOnce(name, bytes).finally(() => underWay.delete(name))
      underWay.set(name, put)
      return put
    },
    async get(sha256) {
      const entry = await readEntry(nc, sha256).catch((cause: unknown) => {
        throw new QubusError('UNREACHABLE', `the blob ${sha256} can't be read now`, { cause })
      })
      if (entry === undefined || entry.deleted)
        throw new QubusError('BLOB_MISSING', `the blob ${sha256} is not in the store`)
      const bytes = await readChunks(nc, entry.nuid)
      if (hash('sha256', bytes) !== sha256) {
        throw new QubusError('BLOB_CORRUPT', `the blob ${sha256} has other content than its name says`)
      }
      return bytes
    },
    toPayload(bytes) {
      if (bytes.length <= INLINE_LIMIT) return { inline: bytes }
      return blobs.put(bytes).then((blob) => ({ blob, size: bytes.length }))
    },
    fromPayload(payload) {
      return 'inline' in payload ? payload.inline : blobs.get(payload.blob)
    },
  }
  return blobs
}

const TIMEOUT_MS = 10_000
/** A connection that breaks meanwhile leaves unknown what was stored: it is looked for, and written anew. */
const TRIES = 5
const PAUSE_MS = 250
const MOST_PAUSE_MS = 2_000

type Entry = BlobEntry & { sequence: number; data: Uint8Array; time: string }

async function readEntry(nc: NatsConnection, name: string): Promise<Entry | undefined> {
  const stored = await readLast(nc, BLOB_STREAM, blobSubject(name))
  if (stored === undefined) return undefined
  return { ...stored, ...(JSON.parse(Buffer.from(stored.data).toString()) as BlobEntry) }
}

/** Whether the blob is there, and young enough to stay until it is referred to. */
async function isThere(
  nc: NatsConnection,
  name: string,
  size: number,
  refreshAfterMs: number,
): Promise<boolean> {
  const entry = await readEntry(nc, name)
  if (entry === undefined || entry.deleted || entry.size !== size) return false
  if (Date.now() - Date.parse(entry.time) < refreshAfterMs) return true
  // Only as it was read: one that is collected at this moment is stored anew.
  const header = wireHeaders(headerLine(EXPECT_SEQUENCE, String(entry.sequence)) + ROLLUP)
  const reply = await muxOf(nc).request(blobSubject(name), entry.data, header, TIMEOUT_MS)
  return reply !== undefined && verdictOf(reply) === 'stored'
}

/** Where what is known of a blob stands: its size, and the `nuid` that its chunks are under. */
export function blobSubject(name: string): string {
  return `$O.${BLOB_BUCKET}.M.${Buffer.from(name).toString('base64url')}${'='.repeat((3 - (name.length % 3)) % 3)}`
}

// Without a consumer: those near task code may not make one.
async function readChunks(nc: NatsConnection, nuid: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const page of readAll(nc, BLOB_STREAM, `$O.${BLOB_BUCKET}.C.${nuid}`)) {
    for (const { data } of page) chunks.push(data)
  }
  return Buffer.concat(chunks)
}
