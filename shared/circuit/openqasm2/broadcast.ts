import { errorAt, type Source } from '../source.ts'
import type { Argument } from './ast.ts'

/**
 * What `cx a,b[0];` means bit by bit: whole registers step together, single bits stay. `bits` holds each argument's bits.
 */
export function broadcast(source: Source, args: readonly Argument[], bits: readonly number[][]): number[][] {
  const whole = args.findIndex((arg) => arg.index === undefined)
  if (whole === -1) return [bits.map(([bit]) => bit!)]
  const length = bits[whole]!.length
  for (const [position, arg] of args.entries()) {
    if (arg.index !== undefined || bits[position]!.length === length) continue
    throw errorAt(
      source,
      arg.at,
      'CIRCUIT_BAD_ARGUMENT',
      `'${arg.name}' has ${bits[position]!.length} bits and '${args[whole]!.name}' has ${length}: registers in one operation must be of one size`,
    )
  }
  return Array.from({ length }, (_, step) =>
    bits.map((own, position) => (args[position]!.index === undefined ? own[step]! : own[0]!)),
  )
}
