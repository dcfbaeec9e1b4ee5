/**
 * Writes a blob in the form of NATS' object stores (https://github.com/nats-io/nats-architecture-and-design, ADR-20):
 * its pieces, then one entry that names them. `nats object get` reads it. The client library's own `put` deletes the
 * pieces when it fails, which needs a permission that would allow to delete any blob; here result storage removes what
 * was never stored whole.
 */
import { hash } from 'node:crypto'
import { type NatsConnection, nuid } from '@nats-io/transport-node'
import { QubusError } from '../contract/errors.ts'
import { BLOB_BUCKET } from '../contract/streams.ts'
import { headerLine, wireHeaders } from './headers.ts'
import { muxOf } from './mux.ts'
import { verdictOf } from './verdict.ts'

/** What a store says of a blob, as far as we look at it. */
export type BlobEntry = { name: string; nuid: string; size: number; deleted?: boolean }

/** The entry takes the place of the one before. */
export const ROLLUP = headerLine('Nats-Rollup', 'sub')

const PIECE_BYTES = 128 * 1024
/** Pieces on their way at once. */
const WINDOW = 8
const TIMEOUT_MS = 30_000

/** @throws QubusError `STREAM_FULL`, `UNREACHABLE`; then there may be no entry. */
export async function writeBlob(
  nc: NatsConnection,
  entryAt: string,
  name: string,
  bytes: Uint8Array,
): Promise<void> {
  const id = nuid.next()
  const pieces = Math.ceil(bytes.length / PIECE_BYTES)
  for (let first = 0; first < pieces; first += WINDOW) {
    const last = Math.min(pieces, first + WINDOW)
    await Promise.all(
      Array.from({ length: last - first }, (_, i) => {
        const from = (first + i) * PIECE_BYTES
        return publish(nc, `$O.${BLOB_BUCKET}.C.${id}`, bytes.subarray(from, from + PIECE_BYTES), '')
      }),
    )
  }
  const entry = {
    name,
    description: '',
    options: { max_chunk_size: PIECE_BYTES },
    bucket: BLOB_BUCKET,
    nuid: id,
    size: bytes.length,
    chunks: pieces,
    mtime: new Date().toISOString(),
    digest: `SHA-256=${padded(hash('sha256', bytes, 'base64url'))}`,
    deleted: false,
  }
  await publish(nc, entryAt, JSON.stringify(entry), ROLLUP)
}

async function publish(
  nc: NatsConnection,
  subject: string,
  body: Uint8Array | string,
  headers: string,
): Promise<void> {
  const reply = await muxOf(nc).request(
    subject,
    body,
    headers === '' ? undefined : wireHeaders(headers),
    TIMEOUT_MS,
  )
  if (reply === undefined)
    throw new QubusError('UNREACHABLE', 'the broker does not answer: a large value could not be stored')
  const verdict = verdictOf(reply)
  if (verdict === 'stored') return
  if (verdict === 'full')
    throw new QubusError('STREAM_FULL', `no room for large values: OBJ_${BLOB_BUCKET} is full`)
  throw new QubusError('UNREACHABLE', `the broker did not store a large value: ${reply.string()}`)
}

function padded(text: string): string {
  return text.padEnd(Math.ceil(text.length / 4) * 4, '=')
}
