import { CircuitError, type CircuitErrorCode } from './circuit-error.ts'

/** The text being read. Tokens carry offsets only; line and column are worked out when an error needs them. */
export type Source = { text: string; file?: string }

export function errorAt(
  source: Source,
  offset: number,
  code: CircuitErrorCode,
  message: string,
): CircuitError {
  return new CircuitError(code, message, { ...lineAndColumn(source.text, offset), file: source.file })
}

function lineAndColumn(text: string, offset: number): { line: number; column: number } {
  let line = 1
  let start = 0
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1)) {
    line++
    start = at + 1
  }
  return { line, column: offset - start + 1 }
}
