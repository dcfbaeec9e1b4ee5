/** What the command says to the shell: 0 done, 1 the run or check failed, 2 usage or bad input, 3 the system can't be reached. */
import { codeOf, ERRORS, type ErrorCode, QubusError } from '#shared/contract/errors.ts'
import type { Failure } from '#shared/contract/failure.ts'

export const EXIT = { done: 0, failed: 1, usage: 2, unreachable: 3, interrupted: 130 } as const

/** Said of a step they end its run; said to a verb they are bad input. */
const MISNAMED = new Set(['UNENCODABLE', 'UNKNOWN_DEVICE', 'UNKNOWN_LIMIT'])

export function exitCodeOf(error: unknown): number {
  if (!(error instanceof QubusError)) return EXIT.failed
  const { kind } = ERRORS[codeOf(error) ?? 'INTERNAL']
  if (kind === 'usage') return EXIT.usage
  if (error.code === 'INTERNAL') return EXIT.failed
  if (kind === 'system' || error.code === 'STREAM_FULL') return EXIT.unreachable
  return MISNAMED.has(error.code) ? EXIT.usage : EXIT.failed
}

/** A run that was refused before it asked for any step had bad input; any other failure is the run's own. */
export function exitCodeOfRun(state: string, error: Failure | undefined, steps: number): number {
  if (state === 'completed') return EXIT.done
  const kind = error === undefined ? undefined : ERRORS[error.code as ErrorCode]?.kind
  return kind === 'usage' && steps === 0 ? EXIT.usage : EXIT.failed
}
