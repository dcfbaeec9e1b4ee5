/** OpenQASM 2 text to its tree. Names are not looked up here. */
import type { Source } from '../source.ts'
import { TokenReader } from '../token-reader.ts'
import type {
  Argument,
  Barrier,
  Expression,
  GateCall,
  GateDeclaration,
  Measure,
  Named,
  QuantumOperation,
  Reset,
  Statement,
} from './ast.ts'
import { parseExpression } from './parse-expression.ts'

const RESERVED = new Set([
  'OPENQASM',
  'include',
  'qreg',
  'creg',
  'gate',
  'opaque',
  'if',
  'measure',
  'reset',
  'barrier',
  'pi',
  'sin',
  'cos',
  'tan',
  'exp',
  'ln',
  'sqrt',
])
const ONLY_IN_3 = new Set([
  'qubit',
  'bit',
  'def',
  'defcal',
  'cal',
  'const',
  'let',
  'input',
  'output',
  'for',
  'while',
  'switch',
  'else',
  'ctrl',
  'negctrl',
  'inv',
  'pow',
  'gphase',
  'delay',
  'box',
  'extern',
  'int',
  'uint',
  'float',
  'angle',
  'bool',
  'return',
  'end',
])

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

function parseGate(reader: TokenReader): GateDeclaration {
  const opaque = reader.take().text === 'opaque'
  const { text: name, at } = parseNewName(reader, 'a name for the gate')
  const params = reader.skip('(') ? parseNames(reader, 'a parameter name', ')') : []
  const qubits = parseNames(reader, 'a qubit name', opaque ? ';' : '{')
  if (qubits.length === 0)
    throw reader.error({ at }, 'CIRCUIT_SYNTAX', `gate '${name}' needs at least one qubit`)
  if (opaque) return { kind: 'gate', name, params, qubits, at }
  const body: (GateCall | Barrier)[] = []
  while (!reader.skip('}')) body.push(parseBodyStatement(reader, name))
  return { kind: 'gate', name, params, qubits, body, at }
}

/** Names between commas, up to and with `end`. */
function parseNames(reader: TokenReader, what: string, end: string): Named[] {
  const names: Named[] = []
  if (reader.skip(end)) return names
  do {
    const { text, at } = parseNewName(reader, what)
    names.push({ name: text, at })
  } while (reader.skip(','))
  reader.symbol(end, `or ',' after '${names.at(-1)!.name}'`)
  return names
}

function parseBodyStatement(reader: TokenReader, gate: string): GateCall | Barrier {
  const token = reader.peek()
  if (token.kind === 'end') throw reader.unexpected(`'}' to close the body of gate '${gate}'`)
  const statement = token.text === 'barrier' ? parseBarrier(reader) : undefined
  if (statement === undefined && RESERVED.has(token.text)) {
    throw reader.error(
      token,
      'CIRCUIT_SYNTAX',
      `'${token.text}' may not stand in a gate body: only gates and barriers may`,
    )
  }
  const checked = statement ?? parseCall(reader)
  const indexed = checked.args.find((arg) => arg.index !== undefined)
  if (indexed === undefined) return checked
  throw reader.error(
    { at: indexed.indexAt },
    'CIRCUIT_SYNTAX',
    `a gate body names its qubits without an index: write '${indexed.name}'`,
  )
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
  const value = Number(reader.integer('an integer to compare with').text)
  reader.symbol(')', 'to close the condition')
  const next = reader.peek()
  if (RESERVED.has(next.text) && next.text !== 'measure' && next.text !== 'reset') {
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

function parseQuantumOperation(reader: TokenReader): QuantumOperation {
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

function parseBarrier(reader: TokenReader): Barrier {
  const { at } = reader.take()
  const args = reader.peek().text === ';' ? [] : parseArguments(reader)
  reader.symbol(';', "or ',' in the barrier")
  return { kind: 'barrier', args, at }
}

function parseCall(reader: TokenReader): GateCall {
  const { text: name, at } = reader.name('a gate')
  const next = reader.peek()
  if (ONLY_IN_3.has(name) && next.text !== ';') {
    throw reader.error({ at }, 'CIRCUIT_UNSUPPORTED', `'${name}' is OpenQASM 3 and this source is OpenQASM 2`)
  }
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

function parseNewName(reader: TokenReader, what: string): { text: string; at: number } {
  const token = reader.name(what)
  if (RESERVED.has(token.text))
    throw reader.error(
      token,
      'CIRCUIT_SYNTAX',
      `'${token.text}' is a word of the language: choose another name`,
    )
  return token
}
