/** The form of messages between actors: msgpack of plain objects. */
import { Packr } from 'msgpackr'
import type { z } from 'zod'
import { QubusError } from '../contract/errors.ts'

const packr = new Packr({ useRecords: false, variableMapSize: true })

export function encode(message: unknown): Uint8Array {
  return packr.pack(message)
}

/** Decodes and checks a message. @throws QubusError `POISON` when it is not msgpack or does not fit `schema`. */
export function decode<S extends z.ZodType>(schema: S, bytes: Uint8Array): z.infer<S> {
  const parsed = schema.safeParse(unpack(bytes))
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw new QubusError('POISON', `malformed message: ${issue?.path.join('.') || 'root'}: ${issue?.message}`)
}

/** Decodes without a check: for what this very program, or one with the same contract, wrote a moment ago. */
export function unpack(bytes: Uint8Array): unknown {
  try {
    return packr.unpack(bytes)
  } catch (cause) {
    throw new QubusError('POISON', 'a message is not msgpack', { cause })
  }
}
