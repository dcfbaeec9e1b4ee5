/** Blobs: large values, bundles and artifacts, stored under the SHA-256 of their content and checked when read. */
import { hash } from 'node:crypto'
import { type ObjectStore, Objm } from '@nats-io/obj'
import type { NatsConnection } from '@nats-io/transport-node'
import { QubusError } from '../contract/errors.ts'
import type { Payload } from '../contract/payload.ts'
import { BLOB_BUCKET, INLINE_LIMIT } from '../contract/streams.ts'

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
    opened ??= new Objm(nc).open(BLOB_BUCKET, false)
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
      const bytes = await (await store()).getBlob(sha256).catch((cause: unknown) => {
        throw new QubusError('BLOB_MISSING', `the blob ${sha256} can't be read`, { cause })
      })
      if (bytes === null) throw new QubusError('BLOB_MISSING', `the blob ${sha256} is not in the store`)
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
