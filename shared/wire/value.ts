/**
 * The form of users' values (parameters, arguments, results): msgpack that keeps Date, Map, Set, BigInt (of any size),
 * typed arrays, Error, undefined and shared references, so that a value is the same on the first run and on a replay.
 */
import { Packr } from 'msgpackr'
import { QubusError } from '../contract/errors.ts'

const packr = new Packr({ structuredClone: true, moreTypes: true, useRecords: true })

/**
 * @param where what the value is, for the message: `result of task "square"`.
 * @throws QubusError `UNENCODABLE` naming the path of a function, symbol, promise or class instance, or when the value
 *   is nested too deeply.
 */
export function encodeValue(value: unknown, where: string): Uint8Array {
  try {
    assertEncodable(value, where, '', new Set())
    return packr.pack(value)
  } catch (cause) {
    if (cause instanceof QubusError) throw cause
    throw new QubusError('UNENCODABLE', `${where} cannot be encoded: ${(cause as Error).message}`, { cause })
  }
}

export function decodeValue(bytes: Uint8Array): unknown {
  return packr.unpack(bytes)
}

const PLAIN = new Set<unknown>([Object.prototype, null, Array.prototype, Date.prototype, RegExp.prototype])

function assertEncodable(value: unknown, where: string, path: string, seen: Set<object>): void {
  if (typeof value === 'function' || typeof value === 'symbol') refuse(where, path, `a ${typeof value}`)
  if (typeof value !== 'object' || value === null) return
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer || value instanceof Error) return
  if (seen.has(value)) return
  seen.add(value)
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) assertEncodable(value[i], where, `${path}[${i}]`, seen)
  } else if (value instanceof Map) {
    for (const [key, item] of value) {
      assertEncodable(key, where, `${path} (a key)`, seen)
      assertEncodable(item, where, `${path}[${String(key)}]`, seen)
    }
  } else if (value instanceof Set) {
    for (const item of value) assertEncodable(item, where, `${path} (an element)`, seen)
  } else {
    const prototype: unknown = Object.getPrototypeOf(value)
    if (!PLAIN.has(prototype)) refuse(where, path, `an instance of ${value.constructor?.name ?? 'a class'}`)
    for (const key of Object.keys(value)) {
      // Whoever reads it would take it for something else than a key.
      if (key === '__proto__') refuse(where, path, 'the key "__proto__"')
      assertEncodable((value as Record<string, unknown>)[key], where, `${path}.${key}`, seen)
    }
  }
}

function refuse(where: string, path: string, what: string): never {
  throw new QubusError(
    'UNENCODABLE',
    `${where} holds ${what}${path === '' ? '' : ` at ${path}`}, which cannot travel: return plain data (objects, arrays, Map, Set, Date, typed arrays, …)`,
  )
}
