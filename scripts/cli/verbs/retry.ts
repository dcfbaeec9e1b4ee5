/** `qubus retry`: a new run that goes on from where another one failed, followed to its end. */
import { connect } from '#shared/client/client.ts'
import { EXIT, exitCodeOfRun } from '../exit-code.ts'
import { follow, leftGoing } from '../follow.ts'
import { emit, print, say } from '../output.ts'
import { showOutcome } from './run.ts'

export type RetryVerbOptions = { id?: string; detach?: boolean; json?: boolean }

export async function retry(
  failed: string,
  file: string | undefined,
  { id, detach, json }: RetryVerbOptions,
): Promise<number> {
  await using client = await connect()
  if (detach) {
    const { run, flow } = await client.retry(failed, { run: id, file })
    if (json) emit({ run, flow, state: 'queued', resumes: failed })
    else print(run)
    return EXIT.done
  }
  let flow = ''
  const followed = await follow(client, id, {
    label: `retry of ${failed}`,
    async send(run) {
      flow = (await client.retry(failed, { run, file })).flow
    },
    onSent(run) {
      if (json) emit({ run, flow, state: 'queued', resumes: failed })
      else say(`run ${run} goes on from ${failed}`)
    },
  })
  if ('interrupted' in followed) {
    say(leftGoing(followed.run))
    return EXIT.interrupted
  }
  const outcome = { ...followed.outcome, flow: followed.outcome.flow || flow }
  showOutcome(outcome, json === true)
  return exitCodeOfRun(outcome.state, outcome.error, outcome.steps)
}
