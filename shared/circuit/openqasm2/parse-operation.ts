import type { TokenReader } from '../token-reader.ts'
import type { Argument, Barrier, Expression, GateCall, Measure, QuantumOperation, Reset } from './ast.ts'
import { parseExpression } from './parse-expression.ts'
import { ONLY_IN_3 } from './words.ts'

export function parseQuantumOperation(reader: TokenReader): QuantumOperation {
  const { text, kind } = reader.peek()
  if (kind === 'name' && text === 'measure') return parseMeasure(reader)
  if (kind === 'name' && text === 'reset') return parseReset(reader)
  return parseCall(reader)
}

function parseMeasure(reader: TokenReader): Measure {
  const { at } = reader.take()
  const from = parseArgument(reader)
  reader.symbol('->', 'and a classical bit to measure into')
  const to = parseArgument(reader)
  reader.symbol(';', 'to end the measurement')
  return { kind: 'measure', from, to, at }
}

function parseReset(reader: TokenReader): Reset {
  const { at } = reader.take()
  const arg = parseArgument(reader)
  reader.symbol(';', 'to end the reset')
  return { kind: 'reset', arg, at }
}

export function parseBarrier(reader: TokenReader): Barrier {
  const { at } = reader.take()
  const args = reader.peek().text === ';' ? [] : parseArguments(reader)
  reader.symbol(';', "or ',' in the barrier")
  return { kind: 'barrier', args, at }
}

export function parseCall(reader: TokenReader): GateCall {
  const { text: name, at } = reader.peek()
  try {
    return parseOwnCall(reader)
  } catch (error) {
    if (!ONLY_IN_3.has(name)) throw error
    throw reader.error({ at }, 'CIRCUIT_UNSUPPORTED', `'${name}' is OpenQASM 3 and this source is OpenQASM 2`)
  }
}

function parseOwnCall(reader: TokenReader): GateCall {
  const { text: name, at } = reader.name('a gate')
  const params = reader.skip('(') ? parseParameters(reader) : []
  const args = parseArguments(reader)
  reader.symbol(';', `or ',' after the last qubit of '${name}'`)
  return { kind: 'call', name, params, args, at }
}

function parseParameters(reader: TokenReader): Expression[] {
  const params: Expression[] = []
  if (reader.skip(')')) return params
  do params.push(parseExpression(reader))
  while (reader.skip(','))
  reader.symbol(')', "or ',' after the parameter")
  return params
}

function parseArguments(reader: TokenReader): Argument[] {
  const args: Argument[] = []
  do args.push(parseArgument(reader))
  while (reader.skip(','))
  return args
}

function parseArgument(reader: TokenReader): Argument {
  const { text: name, at } = reader.name('a register')
  if (!reader.skip('[')) return { name, at, indexAt: at }
  const index = reader.integer(`an index into '${name}'`)
  reader.symbol(']', 'after the index')
  return { name, at, index: Number(index.text), indexAt: index.at }
}
