/** A flow request as it came: from ours in msgpack, from a script in msgpack or JSON. What is wrong is said in words. */
import type { Delivery } from '#shared/bus/delivery.ts'
import { CONTENT_TYPE } from '#shared/bus/headers.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { FlowRequest } from '#shared/contract/flow-request.ts'
import { unpack } from '#shared/wire/message.ts'

/** @throws QubusError `INVALID_REQUEST`, naming the field, what was found and what to write. */
export function readRequest({ data, headers }: Pick<Delivery, 'data' | 'headers'>): FlowRequest {
  const content = contentOf(data, headers?.get(CONTENT_TYPE) ?? '')
  if (typeof content !== 'object' || content === null || Array.isArray(content))
    throw invalid(`it is ${shown(content)}; write an object such as {"flow": "hello", "params": {"n": 3}}`)
  const parsed = FlowRequest.safeParse(content)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const path = issue?.path ?? []
  const found = path.reduce<unknown>(
    (at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key],
    content,
  )
  throw invalid(`${path.join('.')} is ${shown(found)}: ${WANTED[String(path[0])] ?? issue?.message}`)
}

const TOKEN = 'letters, digits, "_" and "-", at most 128 of them'

/** What zod says of a pattern or a union helps nobody. */
const WANTED: Record<string, string> = {
  flow: 'write the name of a published or built-in flow, 1 to 200 characters',
  bundle: 'write the SHA-256 of a stored bundle, or leave it out: then the flow is found by its name',
  pool: `write the name of a pool: ${TOKEN}`,
  resumes: `write the id of a run: ${TOKEN}`,
  payload: 'only clients of Qubus write it: give "params" instead',
}

// In msgpack a message that begins with "{" would be the number 123: JSON without a header is told from it.
const BRACE = 0x7b

function contentOf(data: Uint8Array, type: string): unknown {
  if (type !== '' && !/\b(json|msgpack)\b/.test(type))
    throw invalid(
      `its ${CONTENT_TYPE} is ${JSON.stringify(type)}; write application/json or application/msgpack`,
    )
  const json = type.includes('json') || (type === '' && data[0] === BRACE)
  try {
    return json ? JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(data)) : unpack(data)
  } catch (cause) {
    throw invalid(
      json
        ? `it is not JSON: ${(cause as Error).message}`
        : `it is not msgpack; with JSON, send the header ${CONTENT_TYPE}: application/json`,
      cause,
    )
  }
}

function invalid(what: string, cause?: unknown): QubusError {
  return new QubusError('INVALID_REQUEST', `the flow request is malformed: ${what}`, { cause })
}

function shown(value: unknown): string {
  if (value === undefined) return 'missing'
  const text = typeof value === 'bigint' ? String(value) : (JSON.stringify(value) ?? String(value))
  return text.length > 80 ? `${text.slice(0, 80)}…` : text
}
