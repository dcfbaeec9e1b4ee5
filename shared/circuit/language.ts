/** Which language a source is written in: its version line decides; without one, words that only OpenQASM 3 has. */
import { skipBlank } from './lexer.ts'
import { errorAt, type Source } from './source.ts'

export type Language = 'openqasm2' | 'openqasm3'

const VERSION = /OPENQASM\s+(\d+)(?:\.(\d+))?/y
const ONLY_IN_3 = /^[^\S\n]*(?:(?:qubit|bit)\b\s*[[\w]|include\s*["']stdgates\.inc["'])/m

/**
 * A source without a version line is OpenQASM 2, as Qiskit's reader takes it, unless a line of it declares a `qubit`
 * or `bit` or includes stdgates.inc, which OpenQASM 2 has not.
 */
export function detectLanguage(source: Source): { language: Language; at: number } {
  const { text } = source
  const at = skipBlank(text, 0)
  VERSION.lastIndex = at
  const version = VERSION.exec(text)
  if (version === null) {
    const hint = ONLY_IN_3.exec(text)
    if (hint === null) return { language: 'openqasm2', at }
    return { language: 'openqasm3', at: hint.index + hint[0].search(/\S/) }
  }
  const [, major, minor = '0'] = version
  if (major === '2' && minor === '0') return { language: 'openqasm2', at }
  if (major === '3') return { language: 'openqasm3', at }
  throw errorAt(
    source,
    at,
    'CIRCUIT_UNSUPPORTED',
    `OpenQASM ${major}.${minor} does not exist here: write OPENQASM 2.0;`,
  )
}
