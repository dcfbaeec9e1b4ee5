/** Questions and answers in JSON, for scripts in any language: who asks in JSON is answered in JSON. */
import type { Msg } from '@nats-io/transport-node'
import type { Blobs } from '#shared/bus/blobs.ts'
import { CONTENT_TYPE } from '#shared/bus/headers.ts'
import { QubusError } from '#shared/contract/errors.ts'
import type { Failure } from '#shared/contract/failure.ts'
import { Payload } from '#shared/contract/payload.ts'
import type { Answer } from '#shared/contract/query.ts'
import { toJson } from '#shared/wire/json-form.ts'
import { encode, unpack } from '#shared/wire/message.ts'
import { decodeValue } from '#shared/wire/value.ts'

// No question of ours begins with "{": in msgpack that is the number 123.
const BRACE = 0x7b

export function asksInJson({ data, headers }: Pick<Msg, 'data' | 'headers'>): boolean {
  return data.length === 0 || data[0] === BRACE || headers?.get(CONTENT_TYPE).includes('json') === true
}

/** The same question as ours ask it. @throws QubusError `INVALID_REQUEST`. */
export function fromJsonQuestion(data: Uint8Array): Uint8Array {
  if (data.length === 0) return encode({})
  try {
    return encode(JSON.parse(new TextDecoder().decode(data)))
  } catch (cause) {
    throw new QubusError('INVALID_REQUEST', `the question is not JSON: ${(cause as Error).message}`, {
      cause,
    })
  }
}

/**
 * The same answer in JSON (`shared/wire/json-form.ts` says how values look), a run's result as its value. One that is
 * larger than a message is left out: `result` is then `{ blob, size }`, its place in the object store.
 */
export async function toJsonAnswer(
  blobs: Pick<Blobs, 'fromPayload'>,
  answer: Uint8Array,
  limit: number,
): Promise<Uint8Array> {
  const value = unpack(answer) as Record<string, unknown>
  const outcome = value['outcome'] as Answer<'outcome'>['outcome'] | undefined
  const payload = Payload.safeParse(outcome?.result).data
  if (outcome && payload && !('blob' in payload && payload.size > limit / 2))
    value['outcome'] = { ...outcome, result: decodeValue(await blobs.fromPayload(payload)) }
  const bytes = new TextEncoder().encode(toJson(value))
  if (bytes.length <= limit) return bytes
  throw new QubusError(
    'INVALID_REQUEST',
    'the answer is larger than a message may be: ask for fewer with "limit"',
  )
}

export function jsonRefusal({ code, message }: Failure): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ error: { code, message } }))
}
