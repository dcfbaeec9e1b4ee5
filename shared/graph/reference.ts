/**
 * References: `${{ steps.fit.result.counts['00'] }}` in any text of a graph. A text that is one reference and nothing
 * else becomes the value itself; within other text, the value is put in as text. `$${{` stands for `${{`.
 */

import { type FunctionName, isFunctionName } from './functions.ts'
import { isPlainObject, ReferenceProblem } from './values.ts'

/** Keys and indices after a root. */
export type ReferencePath = (string | number)[]

export type Expression = { text: string; path: ReferencePath } & (
  | { root: 'step'; step: string }
  | { root: 'params' }
  | { root: 'run' }
  | { root: 'call'; call: FunctionName; of: Expression }
)

/** Text between references, and the references. @throws ReferenceProblem. */
export function parseText(text: string): (string | Expression)[] {
  const parts: (string | Expression)[] = []
  let literal = ''
  let at = 0
  while (at < text.length) {
    if (text.startsWith('$${{', at)) {
      literal += '${{'
      at += 4
    } else if (text.startsWith('${{', at)) {
      const parser = new Parser(text, at + 3)
      const expression = parser.whole()
      if (literal !== '') parts.push(literal)
      literal = ''
      parts.push(expression)
      at = parser.at
    } else literal += text[at++]
  }
  if (literal !== '' || parts.length === 0) parts.push(literal)
  return parts
}

const HINT = `write \${{ steps.NAME.result }}, \${{ params.NAME }} or \${{ run.id }}, and .key or [0] after it`

class Parser {
  readonly #text: string
  readonly #from: number
  at: number

  constructor(text: string, at: number) {
    this.#text = text
    this.#from = at - 3
    this.at = at
  }

  whole(): Expression {
    const expression = this.#expression()
    this.#spaces()
    if (!this.#text.startsWith('}}', this.at)) this.#fail('"}}" is missing')
    this.at += 2
    return expression
  }

  #expression(): Expression {
    this.#spaces()
    const begin = this.at
    const word = this.#word(/[A-Za-z_][A-Za-z0-9_-]*/y)
    const done = (root: DistributiveOmit<Expression, 'text' | 'path'>): Expression => {
      const path = this.#path()
      return { ...root, path, text: this.#text.slice(begin, this.at).trim() } as Expression
    }
    if (word === 'params') return done({ root: 'params' })
    if (word === 'run') {
      this.#expect(['id'])
      return done({ root: 'run' })
    }
    if (word === 'steps') {
      const step = this.#key()
      if (typeof step !== 'string') this.#fail('the name of a step is missing after "steps"')
      this.#expect(['result'])
      return done({ root: 'step', step })
    }
    if (word !== undefined && isFunctionName(word)) {
      this.#spaces()
      if (this.#text[this.at] !== '(') this.#fail(`"(" is missing after ${word}`)
      this.at++
      const of = this.#expression()
      this.#spaces()
      if (this.#text[this.at] !== ')') this.#fail('")" is missing')
      this.at++
      return done({ root: 'call', call: word, of })
    }
    this.#fail(word === undefined ? 'a reference is missing' : `${JSON.stringify(word)} is not known`)
  }

  #path(): ReferencePath {
    const path: ReferencePath = []
    for (let key = this.#key(); key !== undefined; key = this.#key()) path.push(key)
    return path
  }

  /** `.key`, `[0]`, `['any key']`. */
  #key(): string | number | undefined {
    if (this.#text[this.at] === '.') {
      this.at++
      return this.#word(/[A-Za-z0-9_-]+/y) ?? this.#fail('a name is missing after "."')
    }
    if (this.#text[this.at] !== '[') return undefined
    this.at++
    this.#spaces()
    const index = this.#word(/\d+/y)
    const quoted = index === undefined ? this.#word(/'[^']*'|"[^"]*"/y) : undefined
    this.#spaces()
    if ((index === undefined && quoted === undefined) || this.#text[this.at] !== ']')
      this.#fail("in brackets, write an index or a key in quotes, such as [0] or ['00']")
    this.at++
    return index === undefined ? (quoted as string).slice(1, -1) : Number(index)
  }

  #expect(keys: string[]): void {
    const key = this.#key()
    if (key === undefined || !keys.includes(String(key)))
      this.#fail(
        `".${keys.join('" or ".')}" is missing${key === undefined ? '' : `, found ${JSON.stringify(key)}`}`,
      )
  }

  #word(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at
    const word = pattern.exec(this.#text)?.[0]
    if (word !== undefined) this.at += word.length
    return word
  }

  #spaces(): void {
    this.#word(/\s*/y)
  }

  #fail(why: string): never {
    const end = this.#text.indexOf('}}', this.#from)
    const whole = this.#text.slice(this.#from, end < 0 ? this.#from + 60 : end + 2)
    throw new ReferenceProblem(`${JSON.stringify(whole)}: ${why}; ${HINT}`)
  }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never

/** Every reference in a value, with where it stands; of a text that can't be read, the problem. */
export function* referencesIn(
  value: unknown,
  path: (string | number)[],
): Generator<{ path: (string | number)[]; found: Expression | ReferenceProblem }> {
  if (typeof value === 'string') {
    if (!value.includes('${{')) return
    try {
      for (const part of parseText(value))
        if (typeof part === 'object') yield { path, found: innermost(part) }
    } catch (error) {
      if (!(error instanceof ReferenceProblem)) throw error
      yield { path, found: error }
    }
  } else if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) yield* referencesIn(item, [...path, i])
  } else if (isPlainObject(value)) {
    for (const [key, item] of Object.entries(value)) yield* referencesIn(item, [...path, key])
  }
}

function innermost(expression: Expression): Expression {
  return expression.root === 'call' ? innermost(expression.of) : expression
}
