/** Many steps that a flow asked for at once, kept small: their values in one buffer, their results in one array. */
import type { StepSink } from '#shared/flow/runtime.ts'
import { encodeValue } from '#shared/wire/value.ts'
import { stepDigest } from './step-digest.ts'

export type Packed = { bytes: Uint8Array; ends: Uint32Array }

/** @throws QubusError `UNENCODABLE`. */
export function packValues(values: readonly unknown[], where: string | (() => string)): Packed {
  const ends = new Uint32Array(values.length)
  let bytes = new Uint8Array(Math.max(1024, values.length * 16))
  let end = 0
  for (let i = 0; i < values.length; i++) {
    const encoded = encodeValue(values[i], where, () => `items[${i}], args`)
    if (end + encoded.length > bytes.length) {
      const larger = new Uint8Array(Math.max(bytes.length * 2, end + encoded.length))
      larger.set(bytes.subarray(0, end))
      bytes = larger
    }
    bytes.set(encoded, end)
    end += encoded.length
    ends[i] = end
  }
  return { bytes: bytes.slice(0, end), ends }
}

export function joinValues(values: readonly Uint8Array[]): Packed {
  const ends = new Uint32Array(values.length)
  let end = 0
  for (let i = 0; i < values.length; i++) {
    end += (values[i] as Uint8Array).length
    ends[i] = end
  }
  const bytes = new Uint8Array(end)
  for (let i = 0; i < values.length; i++) bytes.set(values[i] as Uint8Array, i === 0 ? 0 : ends[i - 1])
  return { bytes, ends }
}

export function valueAt({ bytes, ends }: Packed, index: number): Uint8Array {
  return bytes.subarray(index === 0 ? 0 : ends[index - 1], ends[index])
}

export class FlowRange {
  readonly first: number
  readonly count: number
  readonly kind: string
  readonly name: string
  /** Steps that have no outcome yet, or never will. */
  open: number
  failed = false
  readonly #packed: Packed
  readonly #results: unknown[]
  readonly #settled: Uint8Array
  readonly #sink: StepSink
  #left: number

  constructor(first: number, kind: string, name: string, packed: Packed, sink: StepSink) {
    this.first = first
    this.count = packed.ends.length
    this.kind = kind
    this.name = name
    this.open = this.count
    this.#left = this.count
    this.#packed = packed
    this.#results = new Array(this.count)
    this.#settled = new Uint8Array(this.count)
    this.#sink = sink
  }

  has(step: number): boolean {
    return step >= this.first && step < this.first + this.count
  }

  digestOf(step: number): string {
    return stepDigest(this.kind, this.name, valueAt(this.#packed, step - this.first))
  }

  isSettled(step: number): boolean {
    return this.#settled[step - this.first] !== 0
  }

  completed(step: number, value: unknown): void {
    this.#settle(step, 1)
    this.#results[step - this.first] = value
    if (--this.#left === 0) this.#sink.resolve(this.#results)
  }

  /** True for the first failure: then nothing more of it need be begun. */
  rejected(step: number, error: unknown): boolean {
    this.#settle(step, 2)
    if (this.failed) return false
    this.failed = true
    this.#sink.reject(error)
    return true
  }

  /** Whether its sink was told of how it ended. */
  get told(): boolean {
    return this.failed || this.#left === 0
  }

  #settle(step: number, how: number): void {
    this.#settled[step - this.first] = how
    this.open--
  }
}
