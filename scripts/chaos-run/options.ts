/** The command line of `scripts/chaos`. */
import { parseArgs } from 'node:util'
import { FAULTS, type FaultKind } from './faults.ts'

export type Options = {
  rounds: number
  /** Of the first round; the next has the next number. */
  seed: number
  only: FaultKind | undefined
  /** Rounds from one restart of all to the next; 0: none. */
  restartEvery: number
  json: boolean
}

const USAGE = `scripts/chaos [--rounds N] [--seed S] [--only FAULT] [--restart-every N] [--json]
faults: ${FAULTS.join(' ')}`

/** Ends the process with exit code 2 when it is wrong. */
export function readOptions(args: string[]): Options {
  const { help, only, json, ...numbers } = parse(args)
  if (help) {
    process.stdout.write(`${USAGE}\n`)
    process.exit(0)
  }
  const known = FAULTS.find((fault) => fault === only)
  if (only !== undefined && known === undefined) usage(`--only: there is no fault ${only}`)
  return {
    rounds: integer('--rounds', numbers.rounds),
    seed: integer('--seed', numbers.seed),
    only: known,
    restartEvery: integer('--restart-every', numbers['restart-every']),
    json,
  }
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        rounds: { type: 'string', default: '10' },
        seed: { type: 'string', default: String(Math.floor(Math.random() * 1e6)) },
        only: { type: 'string' },
        'restart-every': { type: 'string', default: '25' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values
  } catch (error) {
    usage((error as Error).message)
  }
}

function integer(name: string, text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isSafeInteger(value) || value < 0)
    usage(`${name}: got ${JSON.stringify(text)}; write an integer from 0`)
  return value
}

function usage(text: string): never {
  process.stderr.write(`chaos: ${text}\n${USAGE}\n`)
  process.exit(2)
}
