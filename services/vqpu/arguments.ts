/** The command line of a vQPU host: checked here, trusted everywhere else. */
import { parseArgs } from 'node:util'
import { QubusError } from '#shared/contract/errors.ts'
import { assertToken } from '#shared/contract/ids.ts'

export type HostOptions = {
  device: string
  engine: string
  /** The run it belongs to; none when others may use it. */
  run: string | undefined
  /** The pool whose queue it serves beside its own. */
  pool: string | undefined
  walltimeSeconds: number | undefined
}

export const USAGE =
  'usage: main.ts --device ID [--engine embedded] (--run RUN | --pool POOL | --shared) [--walltime SECONDS]'

/** @throws QubusError `INVALID_OPTION` or `INVALID_NAME`, naming the flag. */
export function parseArguments(argv: string[]): HostOptions {
  const flags = readFlags(argv)
  if (flags.device === undefined) throw invalid('--device is missing: give the id of the vQPU')
  if (flags.run === undefined && flags.pool === undefined && !flags.shared) {
    throw invalid('say whom the vQPU serves: --run RUN, --pool POOL or --shared')
  }
  return {
    device: assertToken('--device', flags.device),
    engine: assertToken('--engine', flags.engine),
    run: flags.run === undefined || flags.shared ? undefined : assertToken('--run', flags.run),
    pool: flags.pool === undefined ? undefined : assertToken('--pool', flags.pool),
    walltimeSeconds: flags.walltime === undefined ? undefined : secondsOf(flags.walltime),
  }
}

function readFlags(argv: string[]) {
  try {
    return parseArgs({
      args: argv,
      options: {
        device: { type: 'string' },
        engine: { type: 'string', default: 'embedded' },
        run: { type: 'string' },
        pool: { type: 'string' },
        walltime: { type: 'string' },
        shared: { type: 'boolean', default: false },
      },
    }).values
  } catch (cause) {
    throw invalid((cause as Error).message)
  }
}

function secondsOf(text: string): number {
  const seconds = Number(text)
  if (Number.isFinite(seconds) && seconds > 0) return seconds
  throw invalid(`--walltime ${JSON.stringify(text)}: a positive number of seconds is wanted, such as 3600`)
}

function invalid(message: string): QubusError {
  return new QubusError('INVALID_OPTION', message)
}
