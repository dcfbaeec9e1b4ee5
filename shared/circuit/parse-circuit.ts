import type { Circuit } from './circuit.ts'
import { detectLanguage, type Language } from './language.ts'
import { elaborate } from './openqasm2/elaborate.ts'
import { parseProgram } from './openqasm2/parse.ts'
import { errorAt, type Source } from './source.ts'

export type ParseOptions = {
  /** Named in errors. */
  file?: string
  /** What the sender says the source is; without it the version line decides. */
  language?: Language
  /** Most operations after gates are expanded. */
  maxOperations?: number
}

const MAX_OPERATIONS = 1_000_000

/** Reads and checks a circuit. Throws CircuitError, and nothing else, for whatever is wrong with the source. */
export function parseCircuit(text: string, options: ParseOptions = {}): Circuit {
  const source: Source = { text, file: options.file }
  const { language, at } = detectLanguage(source)
  if (options.language !== undefined && options.language !== language) {
    throw errorAt(
      source,
      at,
      'CIRCUIT_UNSUPPORTED',
      `the circuit was sent as ${options.language} but its text is ${language}`,
    )
  }
  if (language === 'openqasm3')
    throw errorAt(
      source,
      at,
      'CIRCUIT_UNSUPPORTED',
      'OpenQASM 3 is not read yet: write the circuit in OpenQASM 2.0',
    )
  return elaborate(source, parseProgram(source), options.maxOperations ?? MAX_OPERATIONS)
}
