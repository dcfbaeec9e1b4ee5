/** `qubus result`: waits for a run's end and prints what it returned. */
import { connect } from '#shared/client/client.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { EXIT, exitCodeOfRun } from '../exit-code.ts'
import { say } from '../output.ts'
import { showOutcome } from './run.ts'

export async function result(run: string, options: { timeout?: number; json?: boolean }): Promise<number> {
  await using client = await connect()
  const found = await client.find(run)
  if (found?.state === 'queued' || found?.state === 'running')
    say(`the run is ${found.state}: waiting for its end`)
  const interrupt = new AbortController()
  const onSignal = (): void => interrupt.abort(new Error('interrupted'))
  process.once('SIGINT', onSignal)
  const time = options.timeout === undefined ? undefined : AbortSignal.timeout(options.timeout * 1000)
  try {
    const outcome = await client.outcome(run, {
      signal: AbortSignal.any([interrupt.signal, ...(time ? [time] : [])]),
    })
    showOutcome(outcome, options.json === true)
    return exitCodeOfRun(outcome.state, outcome.error, outcome.steps)
  } catch (error) {
    if (interrupt.signal.aborted) return EXIT.interrupted
    if (time?.aborted)
      throw new QubusError('TIMEOUT', `the run ${run} has not ended within ${options.timeout} s; it goes on`)
    throw error
  } finally {
    process.off('SIGINT', onSignal)
  }
}
