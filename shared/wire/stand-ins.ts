/** What stands for a value in msgpack that would come back as something else: -0 as 0, an error without what its author put on it. */
import { addExtension } from 'msgpackr'
import { codeOf, type ErrorCode } from '../contract/errors.ts'
import { type Failure, fromFailure, readProperties, toFailure } from '../contract/failure.ts'

/** A copy with stand-ins; what was one object is one object. */
export function withStandIns(value: unknown): unknown {
  return new Copy().of(value)
}

class Copy {
  readonly #copies = new Map<object, object>()

  of(value: unknown): unknown {
    if (Object.is(value, -0)) return new MinusZero()
    if (typeof value !== 'object' || value === null) return value
    const known = this.#copies.get(value)
    if (known !== undefined) return known
    if (value instanceof Error) return this.#keep(value, new ErrorValue(value))
    if (Array.isArray(value)) {
      const copy: unknown[] = this.#keep(value, new Array(value.length))
      for (let i = 0; i < value.length; i++) copy[i] = this.of(value[i])
      return copy
    }
    if (value instanceof Map) {
      const copy = this.#keep(value, new Map<unknown, unknown>())
      for (const [key, item] of value) copy.set(this.of(key), this.of(item))
      return copy
    }
    if (value instanceof Set) {
      const copy = this.#keep(value, new Set<unknown>())
      for (const item of value) copy.add(this.of(item))
      return copy
    }
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype !== Object.prototype && prototype !== null) return value
    const copy = this.#keep<Record<string, unknown>>(value, {})
    for (const key of Object.keys(value)) copy[key] = this.of((value as Record<string, unknown>)[key])
    return copy
  }

  #keep<T extends object>(of: object, copy: T): T {
    this.#copies.set(of, copy)
    return copy
  }
}

class MinusZero {}

addExtension({
  Class: MinusZero,
  type: 0x2d,
  pack(_zero: MinusZero, allocate: (bytes: number) => { target: Uint8Array; position: number }) {
    // As the float that it is, which every reader knows.
    const { target, position } = allocate(9)
    target.set([0xcb, 0x80, 0, 0, 0, 0, 0, 0, 0], position)
  },
  unpack: () => -0,
} as never)

class ErrorValue {
  readonly failure: Failure
  constructor(error: Error) {
    this.failure = withoutStack(toFailure(error, NOT_OURS))
  }
}

/** No code of the catalogue: an error of somebody else. */
const NOT_OURS = '' as ErrorCode

// Name, message and cause are what msgpackr itself writes, and reads where nothing follows.
addExtension({
  Class: ErrorValue,
  type: 0x65,
  write: ({ failure }: ErrorValue) => [failure.name, failure.message, undefined, failure],
  read: ([name, message, cause, failure]: [string, string, unknown, Failure | undefined]) =>
    failure === undefined ? plainError(name, message, cause) : errorOf(failure),
} as never)

function errorOf(failure: Failure): Error {
  const { name, message, cause, errors } = failure
  if (codeOf(failure) !== undefined) return framed(fromFailure(failure))
  const { cause: value, ...own } = readProperties(failure)
  const error = plainError(name, message, cause === undefined ? value : errorOf(cause), errors?.map(errorOf))
  return Object.assign(error, own)
}

const BUILT_IN = new Map<string, ErrorConstructor>(
  [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError].map((each) => [
    each.name,
    each,
  ]),
)

function plainError(name: string, message: string, cause: unknown, errors?: Error[]): Error {
  const options = cause === undefined ? undefined : { cause }
  if (name === 'AggregateError') return framed(new AggregateError(errors ?? [], message, options))
  const error = new (BUILT_IN.get(name) ?? Error)(message, options)
  if (!BUILT_IN.has(name))
    Object.defineProperty(error, 'name', { value: name, writable: true, configurable: true })
  return framed(error)
}

// Where it was read is no news, and differs from host to host.
function framed<T extends Error>(error: T): T {
  Object.defineProperty(error, 'stack', {
    value: `${error.name}: ${error.message}`,
    writable: true,
    configurable: true,
  })
  return error
}

function withoutStack({ stack: _, cause, errors, ...failure }: Failure): Failure {
  return {
    ...failure,
    ...(cause === undefined ? {} : { cause: withoutStack(cause) }),
    ...(errors === undefined ? {} : { errors: errors.map(withoutStack) }),
  }
}
