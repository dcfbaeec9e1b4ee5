/** Runs a flow again on what its log holds, and says what it did and where that is something else than before. Changes nothing. */
import type { LogLine } from '#shared/contract/log-lines.ts'
import type { FlowDefinition } from '#shared/flow/flow.ts'
import { AttemptReplay } from './attempt-replay.ts'
import type { RecordedAttempt, RecordedEnd, RecordedRun } from './recorded-run.ts'

/** A step that the flow asked for. */
export type ReplayedStep = {
  type: 'step'
  step: number
  kind: string
  name: string
  label?: string | undefined
  digest: string
  /** Whether the log holds the same under its number; `none`: it holds no outcome of it. */
  recorded: 'same' | 'other' | 'none'
  /** How it had ended. */
  state?: 'completed' | 'failed' | 'cancelled'
  /** `/path/flow.ts:12:5` where it was asked for. */
  at?: string | undefined
}

export type ReplayEvent = { type: 'attempt'; attempt: number } | ReplayedStep | { type: 'log'; line: LogLine }

/** The first thing that is not as it was. */
export type Difference = { message: string; step?: number | undefined; at?: string | undefined }

export type Replay = {
  difference?: Difference
  /** How the flow ended this time; none where it waits for what is not recorded. */
  end?: RecordedEnd
  /** How the log says that the run ended; none while it is under way. */
  recorded?: RecordedEnd
  /** The last step that the flow asked for. */
  steps: number
}

export type ReplayOptions = {
  /** The flow's code. @throws what is wrong with it: then that is the flow's end. */
  find(): FlowDefinition | Promise<FlowDefinition>
  /** In the order in which it happens. */
  onEvent?(event: ReplayEvent): void
}

/** `installPlaces` must have been called before the flow's code was loaded. */
export async function replayRun(recorded: RecordedRun, options: ReplayOptions): Promise<Replay> {
  let replay: Replay = { steps: 0 }
  for (const attempt of recorded.attempts) {
    if (recorded.attempts.length > 1) options.onEvent?.({ type: 'attempt', attempt: attempt.attempt })
    replay = await replayAttempt(recorded, attempt, options)
    if (replay.difference !== undefined) break
  }
  return replay
}

async function replayAttempt(
  recorded: RecordedRun,
  attempt: RecordedAttempt,
  options: ReplayOptions,
): Promise<Replay> {
  using again = new AttemptReplay(recorded, attempt, options)
  await again.run()
  const { difference, end, steps } = again
  return {
    steps,
    ...(difference === undefined ? {} : { difference }),
    ...(end === undefined ? {} : { end }),
    ...(attempt.end === undefined ? {} : { recorded: attempt.end }),
  }
}
