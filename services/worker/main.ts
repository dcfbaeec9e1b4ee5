import { runActor } from '#shared/actor/run-actor.ts'
import { readArguments } from './arguments.ts'
import { startWorker } from './worker.ts'

const options = readOrExit()
await runActor({
  name: 'worker',
  ...(options.id === undefined ? {} : { id: options.id }),
  start: (actor) => startWorker(actor, options),
})

function readOrExit() {
  try {
    return readArguments(process.argv.slice(2))
  } catch (error) {
    console.error(`worker: ${(error as Error).message}`)
    process.exit(2)
  }
}
