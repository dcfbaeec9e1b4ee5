/** `qubus/client`: runs, their results and events, from any Node program. */
import type { CloudEvent } from '../contract/event.ts'
import type { Answer, LiveRun, QueryName, Question, RunSummary } from '../contract/query.ts'
import type { VqpuEntry } from '../contract/registry.ts'
import { type Cancellation, cancelRun } from './cancel.ts'
import { listDevices } from './devices.ts'
import { drainDevice } from './drain.ts'
import { type EventOptions, events } from './events.ts'
import { type LogOptions, logLines, type RunLogLine } from './log-lines.ts'
import { type RunOutcome, type WaitOptions, waitForOutcome, waitForResult } from './outcome.ts'
import { ask, inspectRun } from './query.ts'
import { listQueued } from './queued-runs.ts'
import { type RunRequest, sendRequest } from './request.ts'
import { type RunOptions, runFlow } from './run-flow.ts'
import { findRun, type KnownRun } from './run-state.ts'
import { type ConnectOptions, openSession, type Session } from './session.ts'
import { readStatus, type SystemStatus } from './status.ts'

export type Client = AsyncDisposable & {
  /** Asks for a run; returns its id when the request is on disk. */
  request(wanted: RunRequest): Promise<string>
  /** Sends a flow file (`file.ts`, `file.ts#export`) or a built-in flow, waits, and returns what it returned. */
  run(flow: string, params?: unknown, options?: RunOptions): Promise<unknown>
  /** Waits for a run's end and returns what its flow returned, or throws its error. */
  result(run: string, options?: WaitOptions): Promise<unknown>
  /** Waits for a run's end, however it ended. */
  outcome(run: string, options?: WaitOptions): Promise<RunOutcome>
  cancel(run: string, reason?: string): Promise<Cancellation>
  events(options?: EventOptions): AsyncIterable<CloudEvent>
  logs(run: string, options?: LogOptions): AsyncIterable<RunLogLine>
  /** Asks result storage. */
  query<N extends QueryName>(name: N, question: Question<N>): Promise<Answer<N>>
  /** The live view of a run that a coordinator holds. */
  inspect(run: string): Promise<LiveRun | undefined>
  /** What the broker knows of a run, whether or not any actor is up. */
  find(run: string): Promise<KnownRun | undefined>
  status(): Promise<SystemStatus>
  devices(): Promise<VqpuEntry[]>
  /** Lets a vQPU finish what it has, then ends it. */
  drain(device: string): Promise<void>
  /** Requests that no coordinator has taken up yet. */
  queued(): Promise<RunSummary[]>
}

/** @throws QubusError `NOT_RUNNING`, `UNREACHABLE` or `BAD_ENVIRONMENT`. */
export async function connect(options: ConnectOptions = {}): Promise<Client> {
  return clientOn(await openSession(options))
}

export function clientOn(session: Session): Client {
  return {
    request: (wanted) => sendRequest(session, wanted),
    run: (flow, params, options) => runFlow(session, flow, params, options),
    result: (run, options) => waitForResult(session, run, options),
    outcome: (run, options) => waitForOutcome(session, run, options),
    cancel: (run, reason) => cancelRun(session, run, reason),
    events: (options) => events(session, options),
    logs: (run, options) => logLines(session, run, options),
    query: (name, question) => ask(session, name, question),
    inspect: (run) => inspectRun(session, run),
    find: (run) => findRun(session, run),
    status: () => readStatus(session),
    devices: () => listDevices(session),
    drain: (device) => drainDevice(session, device),
    queued: () => listQueued(session),
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  }
}
