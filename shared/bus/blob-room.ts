/** Whether a blob fits into the store, before any of its pieces is sent. */
import type { NatsConnection } from '@nats-io/transport-node'
import { QubusError } from '../contract/errors.ts'
import { BLOB_BUCKET } from '../contract/streams.ts'
import { muxOf } from './mux.ts'

export type Room = {
  /**
   * Counts `bytes` as taken until it is disposed of.
   * @throws QubusError `STREAM_FULL`, with the fact `never` for what is more than the store takes in all; `UNREACHABLE`.
   */
  take(bytes: number): Promise<Disposable>
}

const TIMEOUT_MS = 10_000
/** What the store keeps besides: headers of pieces, and the entry. */
const ENTRY_BYTES = 2_000
const PIECES_SHARE = 1.01
/** Smaller ones are simply sent: asking costs as much. */
const WORTH_ASKING_BYTES = 64 * 1024

export function roomOf(nc: NatsConnection): Room {
  /** Of those that are being written over this connection: the store does not know of them yet. */
  let onTheWay = 0
  return {
    async take(bytes) {
      const size = Math.ceil(bytes * PIECES_SHARE) + ENTRY_BYTES
      if (bytes >= WORTH_ASKING_BYTES) {
        const { used, most } = await look(nc)
        if (most > 0 && used + onTheWay + size > most) throw full(bytes, size > most)
      }
      onTheWay += size
      return {
        [Symbol.dispose]() {
          onTheWay -= size
        },
      }
    },
  }
}

async function look(nc: NatsConnection): Promise<{ used: number; most: number }> {
  const reply = await muxOf(nc).request(`$JS.API.STREAM.INFO.OBJ_${BLOB_BUCKET}`, '', undefined, TIMEOUT_MS)
  const { config, state } = JSON.parse(reply?.string() ?? '{}') as {
    config?: { max_bytes: number }
    state?: { bytes: number }
  }
  if (config === undefined || state === undefined)
    throw new QubusError('UNREACHABLE', 'the store of large values can not be looked at now')
  return { used: state.bytes, most: config.max_bytes }
}

function full(bytes: number, never: boolean): QubusError {
  return new QubusError(
    'STREAM_FULL',
    never
      ? `a value of ${bytes} bytes is more than OBJ_${BLOB_BUCKET} takes in all: give the broker more disk, or keep it in a file`
      : `no room for a value of ${bytes} bytes: OBJ_${BLOB_BUCKET} is full until runs that ended are let go of (qubus prune does so sooner)`,
    { facts: { never } },
  )
}
