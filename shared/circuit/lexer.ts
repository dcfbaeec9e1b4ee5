/** The tokens that OpenQASM 2 and 3 share. Line and block comments are skipped in both. */
import { errorAt, type Source } from './source.ts'

export type TokenKind = 'name' | 'integer' | 'real' | 'string' | 'symbol' | 'end'
/** `text` of a string is what stands between the quotes; `at` is the offset of the token's first character. */
export type Token = { kind: TokenKind; text: string; at: number }

const TWO_CHARACTER_SYMBOLS = ['->', '==', '**', '!=', '<=', '>=', '&&', '||', '++', '<<', '>>']
const SYMBOLS = ';,()[]{}+-*/^=<>!&|%~:@.'
const NUMBER = /(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?/y
const NAME = /[A-Za-z_][A-Za-z0-9_]*/y

export function tokenize(source: Source): Token[] {
  const { text } = source
  const tokens: Token[] = []
  let at = skipBlank(text, 0)
  while (at < text.length) {
    const token = readToken(source, at)
    tokens.push(token)
    at += token.kind === 'string' ? token.text.length + 2 : token.text.length
    at = skipBlank(text, at)
  }
  tokens.push({ kind: 'end', text: '', at: text.length })
  return tokens
}

/** The offset of the first character from `at` on that is neither blank nor in a comment. */
export function skipBlank(text: string, at: number): number {
  while (at < text.length) {
    const code = text.charCodeAt(at)
    if (isBlank(code)) at++
    else if (code !== 47) return at
    else if (text.charCodeAt(at + 1) === 47) at = endOf(text.indexOf('\n', at), text)
    else if (text.charCodeAt(at + 1) === 42 && text.includes('*/', at + 2))
      at = text.indexOf('*/', at + 2) + 2
    else return at
  }
  return at
}

function readToken(source: Source, at: number): Token {
  const { text } = source
  const code = text.charCodeAt(at)
  if (isLetter(code)) return { kind: 'name', text: match(NAME, text, at), at }
  if (isDigit(code) || (code === 46 && isDigit(text.charCodeAt(at + 1)))) return readNumber(text, at)
  if (code === 34 || code === 39) return readString(source, at)
  if (text.startsWith('/*', at))
    throw errorAt(source, at, 'CIRCUIT_SYNTAX', 'this comment is never closed: write */ where it ends')
  const pair = text.slice(at, at + 2)
  if (TWO_CHARACTER_SYMBOLS.includes(pair)) return { kind: 'symbol', text: pair, at }
  const symbol = String.fromCodePoint(text.codePointAt(at)!)
  if (SYMBOLS.includes(symbol)) return { kind: 'symbol', text: symbol, at }
  throw errorAt(
    source,
    at,
    'CIRCUIT_SYNTAX',
    `found ${JSON.stringify(symbol)}, which has no meaning in OpenQASM`,
  )
}

function readNumber(text: string, at: number): Token {
  const digits = match(NUMBER, text, at)
  return { kind: /^\d+$/.test(digits) ? 'integer' : 'real', text: digits, at }
}

function readString(source: Source, at: number): Token {
  const { text } = source
  const end = text.indexOf(text[at]!, at + 1)
  const newline = text.indexOf('\n', at)
  if (end === -1 || (newline !== -1 && newline < end)) {
    throw errorAt(source, at, 'CIRCUIT_SYNTAX', 'this string is not closed on its line')
  }
  return { kind: 'string', text: text.slice(at + 1, end), at }
}

function match(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at
  return pattern.exec(text)![0]
}

const endOf = (found: number, text: string) => (found === -1 ? text.length : found)
const isBlank = (code: number) => code <= 32 || code === 0xa0 || code === 0xfeff
const isDigit = (code: number) => code >= 48 && code <= 57
const isLetter = (code: number) => (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || code === 95
