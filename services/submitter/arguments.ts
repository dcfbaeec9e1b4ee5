/** The command line of a submitter: checked here, trusted everywhere else. */
import { parseArgs } from 'node:util'
import { QubusError } from '#shared/contract/errors.ts'
import { assertToken } from '#shared/contract/ids.ts'

export type SubmitterOptions = {
  /** The pool that `vqpu`, and `any` where nothing is ready, mean. */
  pool: string
  /** How long a device that went silent may take to come back before circuits that named it fail. */
  graceSeconds: number
}

export const USAGE = 'usage: main.ts [--pool vqpu] [--grace SECONDS]'

/** @throws QubusError `INVALID_OPTION` or `INVALID_NAME`, naming the flag. */
export function parseArguments(argv: string[]): SubmitterOptions {
  const flags = readFlags(argv)
  const graceSeconds = Number(flags.grace)
  if (!Number.isFinite(graceSeconds) || graceSeconds < 0) {
    throw invalid(`--grace ${JSON.stringify(flags.grace)}: a number of seconds is wanted, such as 30`)
  }
  return { pool: assertToken('--pool', flags.pool), graceSeconds }
}

function readFlags(argv: string[]) {
  try {
    return parseArgs({
      args: argv,
      options: { pool: { type: 'string', default: 'vqpu' }, grace: { type: 'string', default: '30' } },
    }).values
  } catch (cause) {
    throw invalid((cause as Error).message)
  }
}

function invalid(message: string): QubusError {
  return new QubusError('INVALID_OPTION', message)
}
