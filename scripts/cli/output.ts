/** The three ways to speak: data on stdout, one JSON object a line with `--json`, words for people on stderr. */
import { toJson } from '#shared/wire/json-form.ts'
import { printableLines } from './terminal/printable.ts'

/** A JSON line. */
export function emit(value: unknown): void {
  process.stdout.write(`${toJson(value)}\n`)
}

/** Data for people. */
export function print(text: string): void {
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`)
}

export function say(text: string): void {
  process.stderr.write(`${printableLines(text)}\n`)
}

/** A reader such as `head` may leave early: that ends us, quietly. */
export function surviveClosedPipes(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(process.exitCode ?? 0)
    throw error
  })
  process.stderr.on('error', () => {})
}

/** Resolves when what was written to stdout is with its reader. */
export function flushed(): Promise<void> {
  return new Promise((resolve) => process.stdout.write('', () => resolve()))
}
