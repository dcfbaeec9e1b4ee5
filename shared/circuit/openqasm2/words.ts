/** Words that no register, gate or parameter may be called. */
import type { Token } from '../lexer.ts'
import type { TokenReader } from '../token-reader.ts'

export const RESERVED: ReadonlySet<string> = new Set(
  'OPENQASM include qreg creg gate opaque if measure reset barrier pi sin cos tan exp ln sqrt'.split(' '),
)

/** Names like any other in OpenQASM 2; where one begins what can't be read, the language was mistaken. */
export const ONLY_IN_3: ReadonlySet<string> = new Set(
  (
    'qubit bit def defcal cal const let input output for while switch else ctrl negctrl inv pow gphase delay box ' +
    'extern int uint float angle bool return end'
  ).split(' '),
)

export function parseNewName(reader: TokenReader, what: string): Token {
  const token = reader.name(what)
  if (RESERVED.has(token.text))
    throw reader.error(
      token,
      'CIRCUIT_SYNTAX',
      `'${token.text}' is a word of the language: choose another name`,
    )
  return token
}
