/** For the shell scripts: makes sure of a broker and prints its path. */
import { readEnvironment } from '#shared/config/environment.ts'
import { findBroker } from './find-broker.ts'

try {
  process.stdout.write(`${await findBroker({ cache: readEnvironment().cache })}\n`)
} catch (error) {
  process.stderr.write(`qubus: ${(error as Error).message}\n`)
  process.exitCode = 3
}
