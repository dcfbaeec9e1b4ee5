/**
 * The JSON form of any value that a flow can return. JSON has fewer kinds of values: a BigInt becomes a string of its
 * digits; a Date an ISO 8601 string; bytes (Uint8Array, Buffer, ArrayBuffer, DataView) base64; other typed arrays
 * arrays; a Map with string keys an object, otherwise an array of pairs; a Set an array; NaN and the infinities their
 * names; an Error `{ name, message, code? }`; a RegExp its source. `undefined` is left out of objects and is null in
 * arrays. A value that holds itself says "[circular]" there.
 */
export function jsonForm(value: unknown): unknown {
  return form(value, [])
}

/** One line, or indented for people. */
export function toJson(value: unknown, indent?: number): string {
  return JSON.stringify(jsonForm(value), undefined, indent) ?? 'null'
}

function form(value: unknown, inside: object[]): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value)
  if (typeof value !== 'object' || value === null) return value
  if (inside.includes(value)) return '[circular]'
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString()
  if (value instanceof RegExp) return value.toString()
  if (value instanceof ArrayBuffer) return Buffer.from(value).toString('base64')
  if (value instanceof Uint8Array || value instanceof DataView) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')
  }
  const within = [...inside, value]
  if (ArrayBuffer.isView(value))
    return Array.from(value as unknown as ArrayLike<unknown>, (item) => form(item, within))
  if (Array.isArray(value)) return value.map((item) => form(item, within) ?? null)
  if (value instanceof Set) return Array.from(value, (item) => form(item, within) ?? null)
  if (value instanceof Map) return formOfMap(value, within)
  if (value instanceof Error) return formOfError(value, within)
  return formOfEntries(Object.entries(value), within)
}

function formOfMap(map: Map<unknown, unknown>, within: object[]): unknown {
  const entries = [...map]
  if (entries.every(([key]) => typeof key === 'string'))
    return formOfEntries(entries as Array<[string, unknown]>, within)
  return entries.map((pair) => pair.map((item) => form(item, within) ?? null))
}

function formOfError(error: Error, within: object[]): unknown {
  const code: unknown = (error as { code?: unknown }).code
  return {
    name: error.name,
    message: error.message,
    ...(code === undefined ? {} : { code: form(code, within) }),
  }
}

// An own `__proto__` stays a property.
function formOfEntries(entries: Array<[string, unknown]>, within: object[]): unknown {
  return Object.fromEntries(
    entries.filter(([, item]) => item !== undefined).map(([key, item]) => [key, form(item, within)]),
  )
}
