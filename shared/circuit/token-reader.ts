/** Walks over tokens and says what was found where something else was needed. */
import type { CircuitErrorCode } from './circuit-error.ts'
import { type Token, tokenize } from './lexer.ts'
import { errorAt, type Source } from './source.ts'

export class TokenReader {
  readonly source: Source
  readonly #tokens: Token[]
  #next = 0

  constructor(source: Source) {
    this.source = source
    this.#tokens = tokenize(source)
  }

  peek(ahead = 0): Token {
    return this.#tokens[Math.min(this.#next + ahead, this.#tokens.length - 1)]!
  }

  take(): Token {
    const token = this.peek()
    if (token.kind !== 'end') this.#next++
    return token
  }

  /** Takes the symbol if it comes next. */
  skip(symbol: string): boolean {
    const token = this.peek()
    if (token.kind !== 'symbol' || token.text !== symbol) return false
    this.#next++
    return true
  }

  symbol(symbol: string, where: string): Token {
    const token = this.peek()
    if (token.kind === 'symbol' && token.text === symbol) return this.take()
    throw this.unexpected(`'${symbol}' ${where}`)
  }

  name(what: string): Token {
    if (this.peek().kind === 'name') return this.take()
    throw this.unexpected(what)
  }

  integer(what: string): Token {
    if (this.peek().kind === 'integer') return this.take()
    throw this.unexpected(what)
  }

  unexpected(wanted: string): Error {
    const token = this.peek()
    return this.error(token, 'CIRCUIT_SYNTAX', `expected ${wanted}, found ${shown(token)}`)
  }

  error(token: { at: number }, code: CircuitErrorCode, message: string): Error {
    return errorAt(this.source, token.at, code, message)
  }
}

function shown(token: Token): string {
  if (token.kind === 'end') return 'the end of the file'
  return token.kind === 'string' ? `the string "${token.text}"` : `'${token.text}'`
}
