/** Ids are subject tokens: they name exactly one thing and never need escaping. */
import { QubusError } from './errors.ts'

const TOKEN = /^[A-Za-z0-9_-]{1,128}$/
const FORBIDDEN = /[^A-Za-z0-9_-]/u

/** How many shards the runs are spread over; a change is a change of the contract. */
export const SHARDS = 16

/**
 * Checks that `value` may be used as one token of a subject (letters, digits, `_`, `-`; 1 to 128 of them).
 * @throws QubusError `INVALID_NAME`, quoting the first character that is not allowed.
 */
export function assertToken(what: string, value: string): string {
  if (TOKEN.test(value)) return value
  const bad =
    value === ''
      ? 'it is empty'
      : (FORBIDDEN.exec(value)?.[0] ?? `it has ${value.length} characters, 128 are allowed`)
  const reason =
    bad.length === 1 || bad.length === 2 ? `the character ${JSON.stringify(bad)} is not allowed` : bad
  throw new QubusError(
    'INVALID_NAME',
    `${what} ${JSON.stringify(value)}: ${reason}; use letters, digits, "_" and "-"`,
  )
}

/** The shard of a run: FNV-1a (32 bits) of its id modulo 16, as the broker's `partition(16, …)` computes it. */
export function shardOf(run: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < run.length; i++) hash = Math.imul(hash ^ run.charCodeAt(i), 0x01000193)
  return (hash >>> 0) % SHARDS
}

const ALPHABET = '0123456789abcdefghijklmnopqrstuvwxyz'

/** A new run id: nine characters of time (so that ids sort by age) and nine of chance. */
export function newRunId(now: number = Date.now()): string {
  const chance = crypto.getRandomValues(new Uint8Array(9))
  return now.toString(36).padStart(9, '0') + Array.from(chance, (byte) => ALPHABET[byte % 36]).join('')
}

/** The id of the run that step `step` of `run` starts: the same at every replay, and within 128 characters at any depth. */
export function childRunId(run: string, step: number, hash: (text: string) => string): string {
  const plain = `${run}-${step}`
  return plain.length <= 100 ? plain : `${run.slice(0, 40)}-${hash(plain).slice(0, 32)}-${step}`
}

const PLAIN = /^[A-Za-z0-9-]$/

/** Any name as one token, no two names as the same: what a token may not hold, and `_` itself, becomes `_` and its UTF-8 bytes in hex. */
export function nameToken(name: string): string {
  let token = ''
  for (const char of name.toWellFormed()) {
    if (PLAIN.test(char)) token += char
    else for (const byte of new TextEncoder().encode(char)) token += `_${byte.toString(16).padStart(2, '0')}`
  }
  return token
}

const MADE_UP = /^[0-9a-z]{18}$/

/** When {@link newRunId} made this id, in Unix milliseconds; undefined for an id that somebody chose. */
export function madeAt(run: string): number | undefined {
  return MADE_UP.test(run) ? Number.parseInt(run.slice(0, 9), 36) : undefined
}
