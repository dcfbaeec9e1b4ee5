import type { TokenReader } from '../token-reader.ts'
import type { Expression } from './ast.ts'

/** Deeper than any person writes; keeps a hostile source from running out of stack, here and when it is evaluated. */
const MAX_DEPTH = 500

const FUNCTIONS: Readonly<Record<string, (x: number) => number>> = {
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  exp: Math.exp,
  ln: Math.log,
  sqrt: Math.sqrt,
}

type Operator = '+' | '-' | '*' | '/' | '^'

/** Sums of products of powers; `^` binds tighter than a minus sign before it and groups to the right. */
export function parseExpression(reader: TokenReader, depth = 0): Expression {
  return parseChain(reader, depth, ['+', '-'], parseProduct)
}

function parseProduct(reader: TokenReader, depth: number): Expression {
  return parseChain(reader, depth, ['*', '/'], parseSigned)
}

function parseChain(
  reader: TokenReader,
  depth: number,
  operators: Operator[],
  parseTerm: typeof parseSigned,
): Expression {
  let left = parseTerm(reader, depth)
  while (true) {
    const operator = operators.find(
      (symbol) => reader.peek().kind === 'symbol' && reader.peek().text === symbol,
    )
    if (operator === undefined) return left
    const { at } = reader.take()
    left = binary(reader, operator, left, parseTerm(reader, depth), at)
  }
}

function parseSigned(reader: TokenReader, depth: number): Expression {
  const { at } = reader.peek()
  checkDepth(reader, depth, at)
  if (reader.skip('+')) return parseSigned(reader, depth + 1)
  if (!reader.skip('-')) return parsePower(reader, depth)
  const operand = parseSigned(reader, depth + 1)
  return { kind: 'negate', operand, depth: operand.depth + 1, at }
}

function parsePower(reader: TokenReader, depth: number): Expression {
  const base = parseAtom(reader, depth)
  const { at } = reader.peek()
  return reader.skip('^') ? binary(reader, '^', base, parseSigned(reader, depth + 1), at) : base
}

function parseAtom(reader: TokenReader, depth: number): Expression {
  const { kind, text, at } = reader.peek()
  if (kind === 'integer' || kind === 'real') {
    reader.take()
    return { kind: 'number', value: Number(text), depth: 0, at }
  }
  if (kind === 'name') {
    reader.take()
    return parseNamed(reader, text, at, depth)
  }
  if (!reader.skip('(')) throw reader.unexpected('a number, pi, a parameter or a function')
  const inner = parseExpression(reader, depth + 1)
  reader.symbol(')', 'to close the parenthesis')
  return inner
}

function parseNamed(reader: TokenReader, name: string, at: number, depth: number): Expression {
  if (name === 'pi') return { kind: 'number', value: Math.PI, depth: 0, at }
  if (!Object.hasOwn(FUNCTIONS, name)) return { kind: 'name', name, depth: 0, at }
  reader.symbol('(', `after ${name}`)
  const operand = parseExpression(reader, depth + 1)
  reader.symbol(')', `to close ${name}(`)
  return { kind: 'call', fn: FUNCTIONS[name]!, operand, depth: operand.depth + 1, at }
}

function binary(
  reader: TokenReader,
  operator: Operator,
  left: Expression,
  right: Expression,
  at: number,
): Expression {
  const depth = Math.max(left.depth, right.depth) + 1
  checkDepth(reader, depth, at)
  return { kind: 'binary', operator, left, right, depth, at }
}

function checkDepth(reader: TokenReader, depth: number, at: number): void {
  if (depth > MAX_DEPTH) {
    throw reader.error(
      { at },
      'CIRCUIT_TOO_LARGE',
      `this expression is more than ${MAX_DEPTH} levels deep: write it in smaller parts`,
    )
  }
}
