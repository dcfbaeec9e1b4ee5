/** `qubus run`: checks, sends and follows a flow request. */
import { clientOn } from '#shared/client/client.ts'
import type { RunOutcome } from '#shared/client/outcome.ts'
import { prepareFlow } from '#shared/client/prepare-flow.ts'
import { assertKnownFlow } from '#shared/client/published-flows.ts'
import { openSession } from '#shared/client/session.ts'
import { toJson } from '#shared/wire/json-form.ts'
import { describeFailure, failureForm } from '../error-form.ts'
import { EXIT, exitCodeOfRun } from '../exit-code.ts'
import { leftGoing, sendAndFollow } from '../follow.ts'
import { type RequestOptions, requestFrom } from '../options.ts'
import { emit, print, say } from '../output.ts'
import { formatSeconds } from '../terminal/duration.ts'

export type RunVerbOptions = RequestOptions & {
  detach?: boolean
  id?: string
  run?: string
  watch?: boolean
  json?: boolean
}

export async function run(target: string, options: RunVerbOptions): Promise<number> {
  const { params, ...rest } = requestFrom(options)
  if (options.watch) return (await import('./run-watch.ts')).runWatched(target, options)
  const prepared = await prepareFlow(target, params)
  const wanted = {
    ...rest,
    flow: prepared.flow,
    bundle: prepared.bundle,
    params: prepared.params,
    run: options.id ?? options.run,
  }
  const session = await openSession()
  await using client = clientOn(session)
  if (prepared.bundle === undefined) await assertKnownFlow(session, prepared.flow)
  if (options.detach) {
    const id = await client.request(wanted)
    if (options.json) emit({ run: id, flow: prepared.flow, state: 'queued' })
    else print(id)
    return EXIT.done
  }
  const followed = await sendAndFollow(client, wanted, {
    label: prepared.name,
    onSent(id) {
      if (options.json) emit({ run: id, flow: prepared.flow, state: 'queued' })
      else say(`run ${id}`)
    },
  })
  if ('interrupted' in followed) {
    say(leftGoing(followed.run))
    return EXIT.interrupted
  }
  const outcome = { ...followed.outcome, flow: followed.outcome.flow || prepared.flow }
  showOutcome(outcome, options.json === true)
  return exitCodeOfRun(outcome.state, outcome.error, outcome.steps)
}

/** The last line of `--json`: `{run, flow, state, result?, error?, seconds}`; for people, result on stdout, the rest on stderr. */
export function showOutcome(
  { run, flow, state, result, error, seconds, steps }: RunOutcome,
  json: boolean,
): void {
  if (json) {
    emit({ run, flow, state, result, error: error && failureForm(error), seconds })
    return
  }
  if (state === 'completed') {
    if (result !== undefined) print(typeof result === 'string' ? result : toJson(result, 2))
    say(`completed in ${formatSeconds(seconds)}, ${steps} ${steps === 1 ? 'step' : 'steps'}`)
  } else {
    say(`${state} after ${formatSeconds(seconds)}${error ? `\n${describeFailure(error)}` : ''}`)
    say(`qubus show ${run} lists its steps, qubus logs ${run} what they logged`)
  }
}
