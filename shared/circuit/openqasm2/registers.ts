/** Declared registers, and the bits that an argument means. */
import type { Register } from '../circuit.ts'
import { suggestion } from '../closest-name.ts'
import { errorAt, type Source } from '../source.ts'
import type { Argument } from './ast.ts'

/** Far above what a state vector can hold, far below what would fill the memory with names of bits. */
const MAX_BITS = 100_000

export type RegisterKind = 'qreg' | 'creg'

export class Registers {
  readonly all: Record<RegisterKind, Register[]> = { qreg: [], creg: [] }
  readonly #byName = new Map<string, Register & { kind: RegisterKind }>()
  readonly #source: Source

  constructor(source: Source) {
    this.#source = source
  }

  size(kind: RegisterKind): number {
    const last = this.all[kind].at(-1)
    return last === undefined ? 0 : last.offset + last.size
  }

  declare(kind: RegisterKind, name: string, size: number, at: number, sizeAt: number): void {
    if (this.#byName.has(name))
      throw this.#error(
        at,
        'CIRCUIT_DUPLICATE_NAME',
        `register '${name}' is declared already: choose another name`,
      )
    if (size < 1)
      throw this.#error(
        sizeAt,
        'CIRCUIT_BAD_ARGUMENT',
        `register '${name}' has size ${size}: a register has at least one bit`,
      )
    const offset = this.size(kind)
    if (offset + size > MAX_BITS)
      throw this.#error(sizeAt, 'CIRCUIT_TOO_LARGE', `more than ${MAX_BITS} bits are declared with '${name}'`)
    const register = { name, size, offset }
    this.all[kind].push(register)
    this.#byName.set(name, { ...register, kind })
  }

  find(kind: RegisterKind, name: string, at: number): Register {
    const register = this.#byName.get(name)
    const what = kind === 'qreg' ? 'quantum' : 'classical'
    if (register === undefined) {
      const hint = suggestion(
        name,
        this.all[kind].map((known) => known.name),
      )
      throw this.#error(
        at,
        'CIRCUIT_UNKNOWN_NAME',
        `no ${what} register is called '${name}'${hint || `: declare it with ${kind} ${name}[…];`}`,
      )
    }
    if (register.kind === kind) return register
    throw this.#error(
      at,
      'CIRCUIT_BAD_ARGUMENT',
      `'${name}' is a ${register.kind}: a ${what} register is needed here`,
    )
  }

  /** One bit, or every bit of the register. */
  bits(kind: RegisterKind, { name, at, index, indexAt }: Argument): number[] {
    const { size, offset } = this.find(kind, name, at)
    if (index === undefined) return Array.from({ length: size }, (_, bit) => offset + bit)
    if (index < size) return [offset + index]
    throw this.#error(
      indexAt,
      'CIRCUIT_OUT_OF_RANGE',
      `'${name}' has ${size === 1 ? 'only bit 0' : `bits 0 to ${size - 1}`}, found index ${index}`,
    )
  }

  has(name: string): boolean {
    return this.#byName.has(name)
  }

  #error(at: number, ...rest: [Parameters<typeof errorAt>[2], string]): Error {
    return errorAt(this.#source, at, ...rest)
  }
}
