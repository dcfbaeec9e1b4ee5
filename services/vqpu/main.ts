/** Hosts one virtual QPU. */
import { runActor } from '#shared/actor/run-actor.ts'
import { type HostOptions, parseArguments, USAGE } from './arguments.ts'
import { startHost } from './host.ts'

const options = parseOrExit(process.argv.slice(2))
await runActor({ name: 'vqpu', start: (actor) => startHost(actor, options) })

function parseOrExit(argv: string[]): HostOptions {
  try {
    return parseArguments(argv)
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${USAGE}\n`)
    process.exit(2)
  }
}
