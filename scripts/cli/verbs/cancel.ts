/** `qubus cancel`. */
import { connect } from '#shared/client/client.ts'
import { EXIT } from '../exit-code.ts'
import { emit, say } from '../output.ts'

export async function cancel(run: string, options: { reason?: string; json?: boolean }): Promise<number> {
  await using client = await connect()
  const done = await client.cancel(run, options.reason)
  if (options.json) emit(done)
  if (done.cancel === 'asked') say(`the run ${run} is being cancelled`)
  else if (done.cancel === 'asked-before') say(`the run ${run} was being cancelled already`)
  else say(`the run ${run} has ended before: ${done.state}`)
  return done.cancel === 'ended' && done.state !== 'cancelled' ? EXIT.failed : EXIT.done
}
