/** `qubus run`: checks, sends and follows a flow request. */
import { connect } from '#shared/client/client.ts'
import type { RunOutcome } from '#shared/client/outcome.ts'
import { prepareFlow } from '#shared/client/prepare-flow.ts'
import { describeFailure, failureForm } from '../error-form.ts'
import { EXIT, exitCodeOfRun } from '../exit-code.ts'
import { leftGoing, sendAndFollow } from '../follow.ts'
import { toJson } from '../json-form.ts'
import { readParams } from '../options.ts'
import { emit, print, say } from '../output.ts'
import { formatSeconds } from '../terminal/duration.ts'

export type RunVerbOptions = {
  params?: string
  param?: string[]
  detach?: boolean
  run?: string
  project?: string
  priority?: number
  tag?: string[]
  pool?: string
  json?: boolean
}

export async function run(target: string, options: RunVerbOptions): Promise<number> {
  const params = readParams(options.params, options.param)
  const prepared = await prepareFlow(target, params)
  const { run, project, priority, pool } = options
  const wanted = {
    flow: prepared.flow,
    bundle: prepared.bundle,
    params,
    run,
    project,
    priority,
    tags: options.tag,
    pool,
  }
  await using client = await connect()
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
