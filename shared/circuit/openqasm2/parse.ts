/** OpenQASM 2 text to its tree. Names are not looked up here. */
import type { Source } from '../source.ts'
import { TokenReader } from '../token-reader.ts'
import type { Statement } from './ast.ts'
import { parseGate } from './parse-gate.ts'
import { parseBarrier, parseQuantumOperation } from './parse-operation.ts'
import { parseNewName, RESERVED } from './words.ts'

export function parseProgram(source: Source): Statement[] {
  const reader = new TokenReader(source)
  if (reader.peek().text === 'OPENQASM') parseVersion(reader)
  const statements: Statement[] = []
  while (reader.peek().kind !== 'end') statements.push(parseStatement(reader))
  return statements
}

function parseVersion(reader: TokenReader): void {
  reader.take()
  const { kind } = reader.peek()
  if (kind !== 'real' && kind !== 'integer') throw reader.unexpected('a version such as 2.0')
  reader.take() // whoever detected the language has judged it
  reader.symbol(';', 'after the version')
}

function parseStatement(reader: TokenReader): Statement {
  const token = reader.peek()
  if (token.kind !== 'name') throw reader.unexpected('a statement')
  switch (token.text) {
    case 'qreg':
    case 'creg':
      return parseRegister(reader, token.text)
    case 'include':
      return parseInclude(reader)
    case 'gate':
    case 'opaque':
      return parseGate(reader)
    case 'if':
      return parseIf(reader)
    case 'barrier':
      return parseBarrier(reader)
    case 'OPENQASM':
      throw reader.error(token, 'CIRCUIT_SYNTAX', 'the version line stands once, before everything else')
    default:
      return parseQuantumOperation(reader)
  }
}

function parseRegister(reader: TokenReader, kind: 'qreg' | 'creg'): Statement {
  reader.take()
  const { text, at } = parseNewName(reader, `a name for the ${kind}`)
  reader.symbol('[', `and a size after '${text}'`)
  const size = reader.integer('the size of the register as an integer')
  reader.symbol(']', 'after the size')
  reader.symbol(';', 'to end the declaration')
  return { kind, name: text, size: Number(size.text), sizeAt: size.at, at }
}

function parseInclude(reader: TokenReader): Statement {
  reader.take()
  const { kind, text, at } = reader.peek()
  if (kind !== 'string') throw reader.unexpected('a file name in quotes')
  reader.take()
  reader.symbol(';', 'after the file name')
  return { kind: 'include', file: text, at }
}

function parseIf(reader: TokenReader): Statement {
  reader.take()
  reader.symbol('(', "after 'if'")
  const { text: creg, at } = reader.name('the name of a classical register')
  if (reader.peek().text === '[') {
    throw reader.error(
      reader.peek(),
      'CIRCUIT_UNSUPPORTED',
      `OpenQASM 2 compares whole registers: write if(${creg}==value), or give the bit its own creg`,
    )
  }
  reader.symbol('==', `after '${creg}'`)
  const value = parseValue(reader)
  reader.symbol(')', 'to close the condition')
  const next = reader.peek()
  if (next.kind === 'name' && RESERVED.has(next.text) && next.text !== 'measure' && next.text !== 'reset') {
    throw reader.error(
      next,
      'CIRCUIT_SYNTAX',
      `'${next.text}' may not follow 'if': only a gate, measure or reset may`,
    )
  }
  if (next.text === '{')
    throw reader.error(
      next,
      'CIRCUIT_UNSUPPORTED',
      "OpenQASM 2 has no blocks: write 'if' before each operation",
    )
  return { kind: 'if', creg, value, body: parseQuantumOperation(reader), at }
}

function parseValue(reader: TokenReader): number {
  const { text, at } = reader.integer('an integer to compare with')
  const value = Number(text)
  if (Number.isSafeInteger(value)) return value
  throw reader.error(
    { at },
    'CIRCUIT_UNSUPPORTED',
    `${text} is compared with: values of at most 53 bits are read`,
  )
}
