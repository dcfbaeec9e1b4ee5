/** What a reference can put a value through. */
import { kindOf, ReferenceProblem } from './values.ts'

export type FunctionName = keyof typeof FUNCTIONS

export const FUNCTIONS = {
  /** Reads JSON text, such as the output of a program. */
  fromJSON: (value: unknown): unknown => {
    if (typeof value !== 'string')
      throw new ReferenceProblem(`fromJSON(…) reads text; it was given ${kindOf(value)}`)
    try {
      return JSON.parse(value)
    } catch (cause) {
      throw new ReferenceProblem(`fromJSON(…) was given what is not JSON: ${(cause as Error).message}`)
    }
  },
  /** Text without white space around it, such as the last line break of a program's output. */
  trim: (value: unknown): unknown => {
    if (typeof value !== 'string')
      throw new ReferenceProblem(`trim(…) takes text; it was given ${kindOf(value)}`)
    return value.trim()
  },
} as const

export function isFunctionName(word: string): word is FunctionName {
  return Object.hasOwn(FUNCTIONS, word)
}
