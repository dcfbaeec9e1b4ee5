/**
 * Rows on their way to Postgres: one parameter a column, in the binary form of its array type. No escaping here, no
 * parsing there: text arrays cost this process and Postgres several times as much a row.
 */

const OID = { bool: 16, bytea: 17, int8: 20, int4: 23, text: 25, float8: 701 } as const

export type ColumnType = keyof typeof OID

type Value<T extends ColumnType> =
  | null
  | undefined
  | (T extends 'text' ? string : T extends 'bytea' ? Uint8Array : T extends 'bool' ? boolean : number)

export type Row<C extends Record<string, ColumnType>> = { [K in keyof C]: Value<C[K]> }

export class Rows<C extends Record<string, ColumnType>> {
  readonly #columns: [name: string, column: Column][]
  #count = 0

  constructor(shape: C) {
    this.#columns = Object.entries(shape).map(([name, type]) => [name, new Column(type)])
  }

  get count(): number {
    return this.#count
  }

  /** Adds all of the row or, when a value does not fit its column, nothing. */
  push(row: Row<C>): void {
    try {
      for (const [name, column] of this.#columns) column.push(row[name])
      this.#count++
    } catch (error) {
      for (const [, column] of this.#columns) column.keep(this.#count)
      throw error
    }
  }

  /** The parameters of a statement that reads from {@link rowsOf}. */
  parameters(): Buffer[] {
    return this.#columns.map(([, column]) => column.toArray())
  }
}

/** What stands in a statement's `from` for rows of this shape. */
export function rowsOf(shape: Record<string, ColumnType>): string {
  const names = Object.keys(shape)
  const arrays = names.map((name, i) => `$${i + 1}::${shape[name]}[]`)
  return `unnest(${arrays.join(', ')}) as r(${names.map((name) => `"${name}"`).join(', ')})`
}

const HEADER_BYTES = 20

class Column {
  readonly #type: ColumnType
  #buffer = Buffer.allocUnsafe(8 * 1024)
  #end = HEADER_BYTES
  #count = 0
  #nulls = 0
  /** Where the last value begins. */
  #last = HEADER_BYTES

  constructor(type: ColumnType) {
    this.#type = type
  }

  /** Takes the last value back if there are more than `count`. */
  keep(count: number): void {
    if (this.#count > count) this.#end = this.#last
    this.#count = count
  }

  push(value: unknown): void {
    this.#last = this.#end
    this.#count++
    if (value === null || value === undefined) {
      this.#nulls = 1
      this.#room(4)
      this.#end = this.#buffer.writeInt32BE(-1, this.#end)
      return
    }
    switch (this.#type) {
      case 'text':
        return this.#text(withoutNul(value as string))
      case 'bytea':
        return this.#bytes(value as Uint8Array)
      case 'int4':
        this.#start(4)
        this.#end = this.#buffer.writeInt32BE(value as number, this.#end)
        return
      case 'int8':
        this.#start(8)
        this.#end = this.#buffer.writeBigInt64BE(BigInt(value as number), this.#end)
        return
      case 'float8':
        this.#start(8)
        this.#end = this.#buffer.writeDoubleBE(value as number, this.#end)
        return
      case 'bool':
        this.#start(1)
        this.#end = this.#buffer.writeUInt8(value ? 1 : 0, this.#end)
    }
  }

  toArray(): Buffer {
    const dimensions = this.#count === 0 ? 0 : 1
    this.#buffer.writeInt32BE(dimensions, 0)
    this.#buffer.writeInt32BE(this.#nulls, 4)
    this.#buffer.writeInt32BE(OID[this.#type], 8)
    this.#buffer.writeInt32BE(this.#count, 12)
    this.#buffer.writeInt32BE(1, 16)
    return this.#buffer.subarray(0, dimensions === 0 ? 12 : this.#end)
  }

  #text(value: string): void {
    this.#room(4 + value.length * 3)
    const bytes = this.#buffer.write(value, this.#end + 4)
    this.#buffer.writeInt32BE(bytes, this.#end)
    this.#end += 4 + bytes
  }

  #bytes(value: Uint8Array): void {
    this.#start(value.length)
    this.#buffer.set(value, this.#end)
    this.#end += value.length
  }

  #start(bytes: number): void {
    this.#room(4 + bytes)
    this.#end = this.#buffer.writeInt32BE(bytes, this.#end)
  }

  #room(bytes: number): void {
    if (this.#end + bytes <= this.#buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#end + bytes))
    this.#buffer.copy(larger, 0, 0, this.#end)
    this.#buffer = larger
  }
}

// Postgres has no text with NUL in it; a program's output may.
function withoutNul(text: string): string {
  return text.includes('\0') ? text.replaceAll('\0', '\ufffd') : text
}

// A pair of backslashes is taken first, so that what follows is not read as an escape.
const REFUSED_BY_JSONB = /\\\\|\\u(?:0000|d[89a-f][0-9a-f]{2})/g

/** JSON that `jsonb` takes: NUL and lone surrogates replaced, big integers as text. */
export function toJsonb(value: unknown): string | null {
  if (value === undefined || value === null) return null
  const json = JSON.stringify(value, (_key, each: unknown) =>
    typeof each === 'bigint' ? String(each) : each,
  )
  return json.replace(REFUSED_BY_JSONB, (found) => (found === '\\\\' ? found : '\ufffd'))
}
