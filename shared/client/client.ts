/** `qubus/client`: runs, their results and events, from any Node program. */
import type { DeadLetter } from '../contract/dead-letter.ts'
import type { CloudEvent } from '../contract/event.ts'
import type { Answer, LiveRun, QueryName, Question, RunSummary } from '../contract/query.ts'
import type { VqpuEntry } from '../contract/registry.ts'
import { type Cancellation, cancelRun } from './cancel.ts'
import { type DeadOptions, type DeadView, getDead, listDead } from './dead-letters.ts'
import { listDevices } from './devices.ts'
import { drainDevice } from './drain.ts'
import { type EventOptions, events } from './events.ts'
import { type LimitView, listLimits, removeLimit, setLimit } from './limits.ts'
import { type LogOptions, logLines, type RunLogLine } from './log-lines.ts'
import { type RunOutcome, type WaitOptions, waitForOutcome, waitForResult } from './outcome.ts'
import { prepareFile, publishPrepared } from './publish-file.ts'
import { type FlowView, listPublished, type Publication, removePublished } from './published-flows.ts'
import { ask, inspectRun } from './query.ts'
import { listQueued } from './queued-runs.ts'
import { type RunRequest, sendRequest } from './request.ts'
import { type Retry, type RetryOptions, retryRun } from './retry-run.ts'
import { type RunOptions, runFlow } from './run-flow.ts'
import { findRun, type KnownRun } from './run-state.ts'
import {
  listSchedules,
  pauseSchedule,
  removeSchedule,
  resumeSchedule,
  type ScheduleOptions,
  type ScheduleView,
  setSchedule,
} from './schedules.ts'
import { type ConnectOptions, openSession, type Session } from './session.ts'
import {
  clearSignal,
  getSignal,
  listSignals,
  type SignalScope,
  type SignalView,
  setSignal,
} from './signals.ts'
import { readStatus, type SystemStatus } from './status.ts'

export type Client = AsyncDisposable & {
  /** Asks for a run; returns its id when the request is on disk. */
  request(wanted: RunRequest): Promise<string>
  /** Sends a flow file (`file.ts`, `file.ts#export`), or a published or built-in flow by its name, waits, and returns what it returned. */
  run(flow: string, params?: unknown, options?: RunOptions): Promise<unknown>
  /** Waits for a run's end and returns what its flow returned, or throws its error. */
  result(run: string, options?: WaitOptions): Promise<unknown>
  /** Waits for a run's end, however it ended. */
  outcome(run: string, options?: WaitOptions): Promise<RunOutcome>
  /** Makes the flows that a file exports known by their names, for `run('name')`, `subFlow('name')` and requests from anything. */
  publish(file: string): Promise<Publication[]>
  /** Takes a published name back; false when there was none. */
  unpublish(flow: string): Promise<boolean>
  /** What is published. */
  flows(): Promise<FlowView[]>
  cancel(run: string, reason?: string): Promise<Cancellation>
  /** Asks for a new run that goes on from where this one failed. */
  retry(run: string, options?: RetryOptions): Promise<Retry>
  /** Signals, which flows wait for. */
  signals: {
    set(signal: string, metadata?: unknown, options?: SignalScope): Promise<SignalView>
    get(signal: string, options?: SignalScope): Promise<SignalView | undefined>
    clear(signal: string, options?: SignalScope): Promise<SignalView>
    list(options?: SignalScope): Promise<SignalView[]>
  }
  /** Global concurrency limits, which steps name in their `limit`. */
  limits: {
    set(limit: string, places: number): Promise<{ limit: string; places: number; was?: number }>
    /** @param force although steps hold or wait for places of it. */
    remove(limit: string, force?: boolean): Promise<LimitView>
    list(): Promise<LimitView[]>
  }
  /** Messages that were given up; by number, which grows with time. */
  dead: {
    /** Newest first. */
    list(options?: DeadOptions): Promise<DeadView[]>
    get(id: number): Promise<DeadView & { letter: DeadLetter }>
  }
  /** Flow requests that the broker repeats. */
  schedules: {
    set(schedule: string, options: ScheduleOptions, wanted: Omit<RunRequest, 'run'>): Promise<ScheduleView>
    remove(schedule: string): Promise<boolean>
    pause(schedule: string): Promise<ScheduleView | undefined>
    resume(schedule: string): Promise<ScheduleView | undefined>
    list(): Promise<ScheduleView[]>
  }
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
    publish: async (file) => publishPrepared(session, await prepareFile(file)),
    unpublish: async (flow) => (await removePublished(session, flow)) !== undefined,
    flows: () => listPublished(session),
    cancel: (run, reason) => cancelRun(session, run, reason),
    retry: (run, options) => retryRun(session, run, options),
    signals: {
      set: (signal, metadata, options) => setSignal(session, signal, metadata, options),
      get: (signal, options) => getSignal(session, signal, options),
      clear: (signal, options) => clearSignal(session, signal, options),
      list: (options) => listSignals(session, options),
    },
    limits: {
      set: (limit, places) => setLimit(session, limit, places),
      remove: (limit, force) => removeLimit(session, limit, force),
      list: () => listLimits(session),
    },
    dead: {
      list: (options) => listDead(session, options),
      get: (id) => getDead(session, id),
    },
    schedules: {
      set: (schedule, options, wanted) => setSchedule(session, schedule, options, wanted),
      remove: (schedule) => removeSchedule(session, schedule),
      pause: (schedule) => pauseSchedule(session, schedule),
      resume: (schedule) => resumeSchedule(session, schedule),
      list: () => listSchedules(session),
    },
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
