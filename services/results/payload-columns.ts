/** A payload as three columns: its bytes, or the blob that holds them. */
import type { Payload } from '#shared/contract/payload.ts'

type Stored = { inline: Uint8Array | null; blob: string | null; size: number | null }

const NONE: Stored = { inline: null, blob: null, size: null }

export function toColumns(payload: Payload | undefined): Stored {
  if (payload === undefined) return NONE
  if ('inline' in payload) return { inline: payload.inline, blob: null, size: payload.inline.length }
  return { inline: null, blob: payload.blob, size: payload.size }
}

export function fromColumns(
  inline: Uint8Array | null,
  blob: string | null,
  size: string | number | null,
): Payload {
  return blob === null ? { inline: inline ?? new Uint8Array() } : { blob, size: Number(size) }
}
