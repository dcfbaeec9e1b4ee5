/** How a run ended. Waiting for it costs one subscription, and a look every two seconds, since events may be lost. */
import { QubusError } from '../contract/errors.ts'
import { type Failure, fromFailure } from '../contract/failure.ts'
import { assertToken } from '../contract/ids.ts'
import type { RunState } from '../contract/run-record.ts'
import { filter } from '../contract/subjects.ts'
import { decodeValue } from '../wire/value.ts'
import { findRun, type KnownRun, unknownRun } from './run-state.ts'
import type { Session } from './session.ts'

export type RunOutcome = {
  run: string
  flow: string
  state: Exclude<RunState, 'queued' | 'running'>
  /** What the flow returned, when it completed. */
  result?: unknown
  error?: Failure
  /** How many steps the flow asked for. */
  steps: number
  /** From the time a coordinator took the run up. */
  seconds: number
  startedAt: number
  endedAt: number
}

export type WaitOptions = { signal?: AbortSignal }

const POLL_MS = 2_000

/**
 * Waits until the run has ended, however it ended.
 * @throws QubusError `UNKNOWN_RUN`, or the signal's reason.
 */
export async function waitForOutcome(
  session: Session,
  run: string,
  { signal }: WaitOptions = {},
): Promise<RunOutcome> {
  assertToken('the run id', run)
  signal?.throwIfAborted()
  const ended = await waitUntilEnded(session, run, signal)
  if (ended.state === 'refused') {
    const { flow, error, at } = ended
    return { run, flow, state: 'failed', error, steps: 0, seconds: 0, startedAt: at, endedAt: at }
  }
  const { state, result, error, steps, startedAt, endedAt } = ended.completed
  return {
    run,
    flow: ended.flow,
    state,
    ...(result === undefined ? {} : { result: decodeValue(await session.blobs.fromPayload(result)) }),
    ...(error === undefined ? {} : { error }),
    steps,
    seconds: (endedAt - startedAt) / 1000,
    startedAt,
    endedAt,
  }
}

/** What the flow returned. @throws the flow's error, or `CANCELLED`. */
export async function waitForResult(
  session: Session,
  run: string,
  options: WaitOptions = {},
): Promise<unknown> {
  const { state, result, error } = await waitForOutcome(session, run, options)
  if (state === 'completed') return result
  if (error) throw fromFailure(error)
  throw new QubusError(state === 'cancelled' ? 'CANCELLED' : 'FLOW_FAILED', `the run ${run} was ${state}`)
}

type EndedRun = Extract<KnownRun, { state: 'ended' | 'refused' }>

function waitUntilEnded(session: Session, run: string, signal: AbortSignal | undefined): Promise<EndedRun> {
  return new Promise((resolve, reject) => {
    let looking = false
    let again = false
    let settled = false
    const settle = (act: () => void): void => {
      if (settled) return
      settled = true
      clearInterval(timer)
      subscription.unsubscribe()
      signal?.removeEventListener('abort', onAbort)
      act()
    }
    const onAbort = (): void => settle(() => reject(signal?.reason))
    const look = async (): Promise<void> => {
      again = looking
      if (looking || settled) return
      looking = true
      try {
        const found = await findRun(session, run)
        if (found === undefined) settle(() => reject(unknownRun(run)))
        else if (found.state === 'ended' || found.state === 'refused') settle(() => resolve(found))
      } catch (error) {
        // A read that gets no answer is asked again; a message that can't be read stays so.
        if (!(error instanceof QubusError && error.code === 'UNREACHABLE')) settle(() => reject(error))
      } finally {
        looking = false
        if (again) void look()
      }
    }
    const subscription = session.bus.nc.subscribe(filter.runOwnEvents(run), {
      callback: (error, message) => {
        // event.<noun>.<verb>: only what is said of the run itself can end the wait.
        if (!error && /\.event\.run\.(completed|failed|cancelled|refused)\./.test(message.subject))
          void look()
      },
    })
    const timer = setInterval(() => void look(), POLL_MS)
    signal?.addEventListener('abort', onAbort, { once: true })
    void look()
  })
}
