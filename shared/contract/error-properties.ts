/**
 * What an author put on an error, in the form that JSON has: other kinds of values are tagged, and come back as they
 * were. What can not travel is replaced by a text in its place, `[left out: …]`, so that the error itself always does.
 */

/** What an error may take on its way, shared by it, its causes and its errors. */
export type Budget = { characters: number; errors: number }

/** How a value that is an error is written and read. */
type ErrorForms = { write(error: Error): unknown; read(form: unknown): unknown }

type Tagged = { $: string; of?: unknown }

const DEEPEST = 8
/** What an item, or a key beside its text, takes. */
const SMALL = 8

/** The named properties of an error. */
export function propertiesToPlain(
  value: object,
  keys: string[],
  budget: Budget,
  forms: Pick<ErrorForms, 'write'>,
): Record<string, unknown> {
  return new Writer(budget, forms).entries(value, keys, [value])
}

export function leftOut(what: string): string {
  return `[left out: ${what}]`
}

class Writer {
  readonly #budget: Budget
  readonly #forms: Pick<ErrorForms, 'write'>

  constructor(budget: Budget, forms: Pick<ErrorForms, 'write'>) {
    this.#budget = budget
    this.#forms = forms
  }

  write(value: unknown, inside: object[]): unknown {
    switch (typeof value) {
      case 'string':
        return this.#take(value.length) ? value : leftOut(`a text of ${value.length} characters`)
      case 'boolean':
        return value
      case 'number':
        return Number.isFinite(value) && !Object.is(value, -0) ? value : tag('number', numberText(value))
      case 'bigint': {
        const text = String(value)
        return this.#take(text.length) ? tag('bigint', text) : leftOut(`a number of ${text.length} digits`)
      }
      case 'undefined':
        return tag('undefined')
      case 'object':
        return value === null ? null : this.#object(value, inside)
      default:
        return leftOut(`a ${typeof value}`)
    }
  }

  #object(value: object, inside: object[]): unknown {
    if (inside.includes(value)) return leftOut('it holds itself')
    if (inside.length >= DEEPEST) return leftOut(`nested more than ${DEEPEST} deep`)
    if (value instanceof Error) return tag('error', this.#forms.write(value))
    if (value instanceof Date) return tag('date', value.getTime())
    if (value instanceof RegExp)
      return this.#take(value.source.length)
        ? tag('regexp', [value.source, value.flags])
        : leftOut('a regular expression')
    if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return this.#bytes(value)
    const within = [...inside, value]
    if (Array.isArray(value)) return this.#items(value, within)
    if (value instanceof Set) return tag('set', this.#items(value, within))
    if (value instanceof Map) return tag('map', this.#items(value, within))
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype !== null && prototype !== Object.prototype)
      return leftOut(`an instance of ${classOf(value)}`)
    const written = this.entries(value, Object.keys(value), within)
    return '$' in written ? tag('object', written) : written
  }

  entries(value: object, keys: string[], within: object[]): Record<string, unknown> {
    const written: Record<string, unknown> = {}
    for (const key of keys) {
      // Whoever reads it would take it for something else than a key.
      if (key === '__proto__') continue
      if (!this.#take(key.length + SMALL)) {
        written['…'] = leftOut('more than an error may carry')
        break
      }
      written[key] = this.write(read(value, key), within)
    }
    return written
  }

  #items(items: Iterable<unknown>, within: object[]): unknown[] {
    const written: unknown[] = []
    for (const item of items) {
      if (!this.#take(SMALL)) {
        written.push(leftOut('more than an error may carry'))
        break
      }
      written.push(this.write(item, within))
    }
    return written
  }

  #bytes(value: ArrayBuffer | ArrayBufferView): unknown {
    const bytes = ArrayBuffer.isView(value)
      ? Buffer.from(value.buffer, value.byteOffset, value.byteLength)
      : Buffer.from(value)
    return this.#take(bytes.length * 1.4)
      ? tag('bytes', [classOf(value), bytes.toString('base64')])
      : leftOut(`${bytes.length} bytes`)
  }

  #take(characters: number): boolean {
    if (characters > this.#budget.characters) return false
    this.#budget.characters -= characters
    return true
  }
}

/** What {@link propertiesToPlain} was given. What this does not know comes back as it is written. */
export function propertiesFromPlain(
  plain: Record<string, unknown>,
  forms: Pick<ErrorForms, 'read'>,
): Record<string, unknown> {
  return fromEntries(plain, forms)
}

function fromPlain(plain: unknown, forms: Pick<ErrorForms, 'read'>): unknown {
  if (Array.isArray(plain)) return plain.map((item) => fromPlain(item, forms))
  if (typeof plain !== 'object' || plain === null) return plain
  if (!('$' in plain) || typeof plain.$ !== 'string') return fromEntries(plain, forms)
  try {
    return untagged(plain as Tagged, forms)
  } catch {
    return plain
  }
}

function fromEntries(plain: object, forms: Pick<ErrorForms, 'read'>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(plain).map(([key, each]) => [key, fromPlain(each, forms)]))
}

function untagged(tagged: Tagged, forms: Pick<ErrorForms, 'read'>): unknown {
  const { $, of } = tagged
  if ($ === 'undefined') return undefined
  if ($ === 'number') return of === '-0' ? -0 : Number(of)
  if ($ === 'bigint') return BigInt(of as string)
  if ($ === 'date') return new Date((of as number | null) ?? Number.NaN)
  if ($ === 'regexp') return new RegExp(...(of as [string, string]))
  if ($ === 'bytes') return bytesOf(...(of as [string, string]))
  if ($ === 'set') return new Set((of as unknown[]).map((item) => fromPlain(item, forms)))
  if ($ === 'map') return mapOf((of as unknown[]).map((pair) => fromPlain(pair, forms)))
  if ($ === 'error') return forms.read(of)
  return $ === 'object' ? fromEntries(of as object, forms) : tagged
}

// Where it was cut, a mark stands in place of a pair.
function mapOf(pairs: unknown[]): Map<unknown, unknown> {
  return new Map(
    pairs.map((pair) => (Array.isArray(pair) ? ([pair[0], pair[1]] as const) : (['…', pair] as const))),
  )
}

const VIEWS = new Map<string, new (bytes: ArrayBuffer) => unknown>(
  [
    Int8Array,
    Uint8ClampedArray,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    Float32Array,
    Float64Array,
    BigInt64Array,
    BigUint64Array,
    DataView,
  ].map((type) => [type.name, type]),
)

function bytesOf(name: string, base64: string): unknown {
  // A copy: what Buffer gives is part of a larger pool.
  const bytes = new Uint8Array(Buffer.from(base64, 'base64'))
  if (name === 'ArrayBuffer') return bytes.buffer
  const View = VIEWS.get(name)
  return View === undefined ? bytes : new View(bytes.buffer)
}

function tag($: string, of?: unknown): Tagged {
  return of === undefined ? { $ } : { $, of }
}

function numberText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value)
}

function classOf(value: object): string {
  const name: unknown = value.constructor?.name
  return typeof name === 'string' && name !== '' ? name : 'a class'
}

// A getter of the author's may throw.
function read(value: object, key: string): unknown {
  try {
    return (value as Record<string, unknown>)[key]
  } catch (error) {
    return leftOut(`reading it failed: ${error instanceof Error ? error.message : String(error)}`)
  }
}
