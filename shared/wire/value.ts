/**
 * The form of users' values (parameters, arguments, results): msgpack that keeps Date, Map, Set, BigInt (of any size),
 * typed arrays, Error, undefined, -0 and shared references, so that a value is the same on the first run and on a replay.
 */
import { Packr } from 'msgpackr'
import { QubusError } from '../contract/errors.ts'
import { withStandIns } from './stand-ins.ts'

const packr = new Packr({ structuredClone: true, moreTypes: true, useRecords: true })

/** Made only when it is needed. */
type Text = string | (() => string)

/**
 * @param where what the value is, for the message: `result of task "square"`.
 * @param root how a path into it begins, for the message: `args` makes `args[0].x`.
 * @throws QubusError `UNENCODABLE` naming the path of a function, symbol, promise or class instance, or when the value
 *   is nested too deeply.
 */
export function encodeValue(value: unknown, where: Text, root: Text = ''): Uint8Array {
  try {
    const check = new Check()
    check.look(value, undefined)
    return packr.pack(check.needsStandIns ? withStandIns(value) : value)
  } catch (cause) {
    if (cause instanceof Unencodable) throw refusal(locate(value, cause), textOf(where), textOf(root))
    throw new QubusError('UNENCODABLE', `${textOf(where)} cannot be encoded: ${(cause as Error).message}`, {
      cause,
    })
  }
}

export function decodeValue(bytes: Uint8Array): unknown {
  return packr.unpack(bytes)
}

const PLAIN = new Set<unknown>([
  Object.prototype,
  null,
  Array.prototype,
  Date.prototype,
  RegExp.prototype,
  Map.prototype,
  Set.prototype,
])
const BYTES = new Set<unknown>([
  ArrayBuffer,
  DataView,
  Buffer,
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
])

class Check {
  readonly #seen = new Set<object>()
  /** It holds what msgpack does not keep by itself. */
  needsStandIns = false

  /** @param path to the value, where it is to be known: making paths takes longer than looking. */
  look(value: unknown, path: string | undefined): void {
    if (typeof value === 'function' || typeof value === 'symbol') refuse(path, `a ${typeof value}`)
    if (value === 0 && Object.is(value, -0)) this.needsStandIns = true
    if (typeof value !== 'object' || value === null) return
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
      if (!BYTES.has(value.constructor)) refuseInstance(value, path)
      return
    }
    if (value instanceof Error) {
      this.needsStandIns = true
      return
    }
    if (this.#seen.has(value)) return
    this.#seen.add(value)
    if (Array.isArray(value)) {
      for (let i = 0; i < value.length; i++)
        this.look(value[i], path === undefined ? undefined : `${path}[${i}]`)
      return
    }
    if (!PLAIN.has(Object.getPrototypeOf(value))) refuseInstance(value, path)
    if (value instanceof Map) {
      for (const [key, item] of value) {
        this.look(key, path === undefined ? undefined : `${path} (a key)`)
        this.look(item, path === undefined ? undefined : `${path}[${String(key)}]`)
      }
    } else if (value instanceof Set) {
      for (const item of value) this.look(item, path === undefined ? undefined : `${path} (an element)`)
    } else {
      for (const key of Object.keys(value)) {
        // Whoever reads it would take it for something else than a key.
        if (key === '__proto__') refuse(path, 'the key "__proto__"')
        this.look((value as Record<string, unknown>)[key], path === undefined ? undefined : `${path}.${key}`)
      }
    }
  }
}

function locate(value: unknown, refused: Unencodable): Unencodable {
  try {
    new Check().look(value, '')
  } catch (error) {
    if (error instanceof Unencodable) return error
  }
  // A getter that gives something else each time.
  return refused
}

function refuseInstance(value: object, path: string | undefined): never {
  return refuse(path, `an instance of ${value.constructor?.name ?? 'a class'}`)
}

class Unencodable extends Error {
  readonly path: string
  readonly what: string

  constructor(path: string | undefined, what: string) {
    super(what)
    this.path = path ?? ''
    this.what = what
  }
}

function refuse(path: string | undefined, what: string): never {
  throw new Unencodable(path, what)
}

function refusal({ path, what }: Unencodable, where: string, root: string): QubusError {
  const at = path === '' ? '' : ` at ${root}${path}`
  const advice = / Promise$/.test(what)
    ? 'await it first'
    : 'hand over plain data (objects, arrays, Map, Set, Date, typed arrays, …)'
  return new QubusError('UNENCODABLE', `${where} holds ${what}${at}, which cannot travel: ${advice}`)
}

function textOf(text: Text): string {
  return typeof text === 'string' ? text : text()
}
