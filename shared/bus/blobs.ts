/** Blobs: large values, bundles and artifacts, stored under the SHA-256 of their content and checked when read. */
import { hash } from 'node:crypto'
import { jetstream } from '@nats-io/jetstream'
import { type ObjectStore, Objm } from '@nats-io/obj'
import type { NatsConnection } from '@nats-io/transport-node'
import { QubusError } from '../contract/errors.ts'
import type { Payload } from '../contract/payload.ts'
import { BLOB_BUCKET, INLINE_LIMIT } from '../contract/streams.ts'
import { readAll } from './direct.ts'

export type Blobs = {
  /** Stores `bytes` unless they are there; returns their SHA-256 in hex. Resolves when they are on disk. */
  put(bytes: Uint8Array): Promise<string>
  /** @throws QubusError `BLOB_MISSING` or `BLOB_CORRUPT`. */
  get(sha256: string): Promise<Uint8Array>
  /** A payload for `bytes`: inline up to 256 KiB, above as a blob, which is stored first. */
  toPayload(bytes: Uint8Array): Payload | Promise<Payload>
  /** The bytes of a payload. */
  fromPayload(payload: Payload): Uint8Array | Promise<Uint8Array>
}

export function openBlobs(nc: NatsConnection): Blobs {
  let opened: Promise<ObjectStore> | undefined
  const store = (): Promise<ObjectStore> => {
    // The account's figures are nobody's business but the admin's.
    opened ??= new Objm(jetstream(nc, { checkAPI: false })).open(BLOB_BUCKET, false)
    opened.catch(() => {
      opened = undefined
    })
    return opened
  }
  const blobs: Blobs = {
    async put(bytes) {
      const name = hash('sha256', bytes)
      const bucket = await store()
      const present = await bucket.info(name)
      if (present === null || present.deleted || present.size !== bytes.length) {
        await bucket.putBlob({ name }, bytes, { timeout: 30_000 })
      }
      return name
    },
    async get(sha256) {
      const info = await (await store()).info(sha256).catch((cause: unknown) => {
        throw new QubusError('BLOB_MISSING', `the blob ${sha256} can't be read`, { cause })
      })
      if (info === null || info.deleted)
        throw new QubusError('BLOB_MISSING', `the blob ${sha256} is not in the store`)
      const bytes = await readChunks(nc, info.nuid)
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

// The client's own `get` makes a consumer, which those near task code may not.
async function readChunks(nc: NatsConnection, nuid: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const page of readAll(nc, `OBJ_${BLOB_BUCKET}`, `$O.${BLOB_BUCKET}.C.${nuid}`)) {
    for (const { data } of page) chunks.push(data)
  }
  return Buffer.concat(chunks)
}
