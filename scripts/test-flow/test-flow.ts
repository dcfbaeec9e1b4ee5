/**
 * Runs a flow in this process, without broker, Postgres or actors: the coordinator's own code over a log in memory, so
 * that retries, time-outs, signals, groups and the rest are what they are in a real system.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeBundle } from '#shared/bundle/bundle-cache.ts'
import { bundleFlowFile } from '#shared/bundle/index.ts'
import { loadBundle } from '#shared/bundle/loaded-bundle.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { fromFailure } from '#shared/contract/failure.ts'
import type { FlowRequest } from '#shared/contract/flow-request.ts'
import { newRunId } from '#shared/contract/ids.ts'
import { type LogLine, LogLines } from '#shared/contract/log-lines.ts'
import type { Payload } from '#shared/contract/payload.ts'
import { type CancelRecord, CompletedRecord } from '#shared/contract/run-record.ts'
import { type Artifact, AttemptRecord, StepOutcome } from '#shared/contract/step-record.ts'
import { parseRecordSubject, record } from '#shared/contract/subjects.ts'
import type { Flow } from '#shared/flow/flow.ts'
import { type Registry, registry } from '#shared/flow/registry.ts'
import { decode, encode } from '#shared/wire/message.ts'
import { decodeValue, encodeValue } from '#shared/wire/value.ts'
import { installPlaces, place } from '../../services/coordinator/thread/flow-place.ts'
import { assertReplays } from './assert-replays.ts'
import { openCoordinator } from './coordinator.ts'
import { MemoryLog, MemorySignals } from './memory.ts'
import { VirtualTime } from './virtual-time.ts'
import { type TaskFunction, Work } from './work.ts'

export type TestFlowOptions = {
  /** Functions to run instead of these tasks, by their names. */
  tasks?: Record<string, TaskFunction>
  /** Shared signals that are set when the run begins. */
  signals?: Record<string, unknown>
  /** Something that happens beside the run, on its clock; it is waited for. */
  beside?: (control: RunControl) => Promise<void>
  /** Id of the run: time and chance of the flow begin from it; default a new one. */
  run?: string
  /**
   * Whether the flow, and each flow that it asked for, is replayed against its record once it has ended, as it would be
   * when a coordinator dies; default true. The functions of flows run twice then, those of tasks and side effects do not.
   */
  replay?: boolean
}

export type RunControl = {
  readonly run: string
  /** Resolves when so much of the test's time has passed. */
  sleep(seconds: number): Promise<void>
  setSignal(name: string, metadata?: unknown): Promise<void>
  clearSignal(name: string): Promise<void>
  cancel(reason?: string): Promise<void>
}

export type TestedStep = {
  step: number
  kind: string
  name: string
  state: 'completed' | 'failed' | 'cancelled'
  attempts: number
  result?: unknown
  error?: Error
}

export type TestedRun<R = unknown> = {
  run: string
  state: 'completed' | 'failed' | 'cancelled'
  /** What the flow returned, as a client gets it. */
  result?: R
  error?: Error
  /** In the order in which the flow asked for them; sub-flows' steps are theirs. */
  steps: TestedStep[]
  /** Of flow, tasks and programs; step 0 is the flow. */
  logs: (LogLine & { run: string; step: number })[]
  artifacts: { key: string; type: Artifact['type']; value: unknown }[]
  /** Of the test's time. */
  seconds: number
}

let installed = false

/**
 * @param what a flow, or where one is: `file.ts`, `file.ts#export`.
 * @returns how it ended: a flow that fails is no failure of this function.
 * @throws QubusError `FLOW_STALLED` when the flow waits for something that never comes; `NON_DETERMINISTIC` with file and
 *   line when a replay does something else; what is wrong with the file or the request.
 */
export async function testFlow<P, R>(
  what: Flow<P, R> | string,
  params: P,
  options: TestFlowOptions = {},
): Promise<TestedRun<R>> {
  install()
  const target = typeof what === 'string' ? await load(what) : { name: what.name, of: registry }
  const run = options.run ?? newRunId()
  const time = new VirtualTime()
  const logs: TestedRun['logs'] = []
  const onLines = (of: string, step: number, lines: LogLine[]): void => {
    for (const line of lines) logs.push({ ...line, run: of, step })
  }
  const log: MemoryLog = new MemoryLog(time, (heard) => coordinator.hear(heard))
  const signals = new MemorySignals(time)
  await using work = new Work({
    time,
    log,
    onLines,
    findTask: (name) => options.tasks?.[name] ?? (target.of.tasks.get(name)?.fn as TaskFunction | undefined),
  })
  const coordinator = openCoordinator({
    time,
    log,
    signals,
    work,
    flows: target.of.flows,
    onLog(draft) {
      const [of = run, step = '0'] = draft.subject.split('.').slice(-3)
      onLines(of, Number(step), decode(LogLines, draft.body).lines)
    },
  })
  const control = controlOf(run, { time, log, signals, look: (of) => work.look(of) })
  for (const [name, value] of Object.entries(options.signals ?? {})) await control.setSignal(name, value)
  const beganAt = time.now()
  const request: FlowRequest = {
    flow: target.name,
    bundle: '0'.repeat(64),
    requestedAt: beganAt,
    payload: inline(params, `the parameters of flow ${JSON.stringify(target.name)}`),
  } as FlowRequest
  coordinator.take(run, encode(request))
  let beside: 'under way' | 'done' | { error: unknown } = options.beside ? 'under way' : 'done'
  options.beside?.(control).then(
    () => {
      beside = 'done'
    },
    (error: unknown) => {
      beside = { error }
    },
  )
  const ended = (): boolean =>
    typeof beside === 'object' ||
    coordinator.refused !== undefined ||
    (log.has(record(run).completed) && coordinator.idle && beside === 'done')
  if (!(await time.run(ended, () => log.records.length))) throw stalled(run, coordinator.waiting())
  if (typeof beside === 'object') throw (beside as { error: unknown }).error
  if (coordinator.refused !== undefined) throw coordinator.refused
  const tested = readRun<R>(log, run, logs, (time.now() - beganAt) / 1000)
  if (options.replay !== false) await assertReplays(log, target.of.flows)
  return tested
}

function install(): void {
  if (installed) return
  installed = true
  installPlaces()
  // A promise that flow code forgot is its run's failure, as it is in a flow thread; others are the test runner's.
  process.on('unhandledRejection', (reason) => {
    const cause = reason as Error
    const failing = place.getStore()?.run
    if (failing)
      failing.fail(
        new QubusError(
          'UNHANDLED_REJECTION',
          `a promise was rejected and nobody awaited it: ${cause?.message}`,
          {
            cause,
          },
        ),
      )
    else if (process.listenerCount('unhandledRejection') === 1) throw reason
  })
}

/** @throws QubusError `BUNDLE_FAILED`, `UNKNOWN_FLOW`. */
async function load(what: string): Promise<{ name: string; of: Registry }> {
  const [path = '', name = 'default'] = what.split('#')
  const { bytes, sourceRoot } = await bundleFlowFile(path)
  const folder = await mkdtemp(join(tmpdir(), 'qubus-test-flow-'))
  try {
    const file = join(folder, 'bundle.mjs')
    const loaded = await loadBundle(await writeBundle(file, bytes, sourceRoot))
    const flow = loaded.file[name] as Partial<Flow<unknown, unknown>> | undefined
    if (flow?.definition !== undefined) return { name: flow.definition.name, of: loaded.registry }
    throw new QubusError('UNKNOWN_FLOW', `${path} has no flow as its export ${name}`)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

type Parts = { time: VirtualTime; log: MemoryLog; signals: MemorySignals; look(run: string): void }

function controlOf(run: string, { time, log, signals, look }: Parts): RunControl {
  let changes = 0
  const at = (name: string) => ({ scope: 'shared', name })
  return {
    run,
    sleep: (seconds) => new Promise((resolve) => time.at(time.now() + seconds * 1000, resolve)),
    setSignal: (name, metadata) =>
      signals.change(
        at(name),
        { set: true, ...(metadata === undefined ? {} : { value: inline(metadata, `signal ${name}`) }) },
        `test.${++changes}`,
      ),
    clearSignal: (name) => signals.change(at(name), { set: false }, `test.${++changes}`),
    async cancel(reason) {
      const cancel: CancelRecord = { by: 'test', at: time.now(), ...(reason === undefined ? {} : { reason }) }
      await log.create({ subject: record(run).cancel, body: encode(cancel) })
      look(run)
    },
  }
}

function readRun<R>(log: MemoryLog, run: string, logs: TestedRun['logs'], seconds: number): TestedRun<R> {
  const steps = new Map<number, TestedStep>()
  const attempts = new Map<number, number>()
  const artifacts: TestedRun['artifacts'] = []
  let completed: CompletedRecord | undefined
  for (const { subject: at, data } of log.ofRun(run)) {
    const parsed = parseRecordSubject(at)?.record
    if (parsed?.kind === 'completed') completed = decode(CompletedRecord, data)
    if (parsed?.kind === 'attempt' && decode(AttemptRecord, data))
      attempts.set(parsed.step, Math.max(attempts.get(parsed.step) ?? 0, parsed.attempt))
    if (parsed?.kind !== 'outcome') continue
    const { kind, name, state, attempt, result, error, artifacts: made = [] } = decode(StepOutcome, data)
    for (const { key, type, payload } of made) artifacts.push({ key, type, value: valueIn(payload) })
    steps.set(parsed.step, {
      step: parsed.step,
      kind,
      name,
      state,
      attempts: Math.max(attempt ?? 0, attempts.get(parsed.step) ?? 0),
      ...(result === undefined ? {} : { result: valueIn(result) }),
      ...(error === undefined ? {} : { error: fromFailure(error) }),
    })
  }
  if (completed === undefined) throw new QubusError('INTERNAL', `run ${run} has no end`)
  const { state, result, error } = completed
  return {
    run,
    state,
    ...(result === undefined ? {} : { result: valueIn(result) as R }),
    ...(error === undefined ? {} : { error: fromFailure(error) }),
    steps: [...steps.values()].sort((a, b) => a.step - b.step),
    logs,
    artifacts,
    seconds,
  }
}

const SHOWN = 5

function stalled(run: string, waiting: string[]): QubusError {
  const more = waiting.length > SHOWN ? [`and ${waiting.length - SHOWN} more`] : []
  const what =
    waiting.length > 0 ? [...waiting.slice(0, SHOWN), ...more].join('; ') : 'something that is no step'
  return new QubusError('FLOW_STALLED', `the run ${run} waits for what never comes: ${what}`)
}

function inline(value: unknown, what: string): Payload {
  return { inline: encodeValue(value, what) }
}

function valueIn(payload: Payload): unknown {
  return 'inline' in payload ? decodeValue(payload.inline) : undefined
}
