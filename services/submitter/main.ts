/** Takes circuits that flows submit, finds the device for each, and queues it there. */
import { runActor } from '#shared/actor/run-actor.ts'
import { parseArguments, type SubmitterOptions, USAGE } from './arguments.ts'
import { startSubmitter } from './submitter.ts'

const options = parseOrExit(process.argv.slice(2))
await runActor({ name: 'submitter', start: (actor) => startSubmitter(actor, options) })

function parseOrExit(argv: string[]): SubmitterOptions {
  try {
    return parseArguments(argv)
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${USAGE}\n`)
    process.exit(2)
  }
}
