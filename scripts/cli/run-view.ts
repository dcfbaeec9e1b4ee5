/** One view of a run out of three: what the broker has, what its coordinator sees, and what is stored. */
import type { Client } from '#shared/client/client.ts'
import type { KnownRun } from '#shared/client/run-state.ts'
import { unknownRun } from '#shared/client/run-state.ts'
import { QubusError } from '#shared/contract/errors.ts'
import type { LiveRun, RunSummary, StepView } from '#shared/contract/query.ts'
import type { RunState } from '#shared/contract/run-record.ts'
import { type ErrorForm, failureForm } from './error-form.ts'

export type StepLine = Omit<StepView, 'error' | 'queuedAt' | 'startedAt' | 'endedAt'> & { error?: ErrorForm }

export type RunView = {
  run: string
  flow: string
  name: string
  state: RunState
  /** Why nothing goes on, in words. */
  waiting?: string
  error?: ErrorForm
  seconds?: number
  steps: StepLine[]
  /** What the view lacks. */
  note?: string
}

/** @throws QubusError `UNKNOWN_RUN`. */
export async function viewRun(client: Client, run: string, now = Date.now()): Promise<RunView> {
  const [known, live, stored] = await Promise.all([
    client.find(run),
    client.inspect(run),
    readStored(client, run),
  ])
  if (known === undefined && !stored?.summary) throw unknownRun(run)
  const actors = known?.state === 'queued' ? (await client.status()).actors : []
  const coordinators = actors.filter(
    (actor) => actor.name === 'coordinator' && actor.state === 'ready',
  ).length
  return mergeViews({
    run,
    known,
    live,
    summary: stored?.summary ?? undefined,
    steps: stored?.steps,
    coordinators,
    now,
  })
}

export type Sources = {
  run: string
  known: KnownRun | undefined
  live: LiveRun | undefined
  summary: RunSummary | undefined
  /** None: result storage did not answer. */
  steps: StepView[] | undefined
  coordinators: number
  now: number
}

/** The broker says what state the run is in, the coordinator which steps are outstanding, storage the rest. */
export function mergeViews({ run, known, live, summary, steps, coordinators, now }: Sources): RunView {
  const state = stateOf(known, summary)
  const ended = state !== 'queued' && state !== 'running'
  const merged = new Map((steps ?? []).map((step) => [step.step, step]))
  // An outcome that is stored already is newer than a live view that was taken before it.
  for (const step of ended ? [] : (live?.steps ?? []))
    if (!isOver(merged.get(step.step))) merged.set(step.step, step)
  const error =
    known?.state === 'ended'
      ? known.completed.error
      : known?.state === 'refused'
        ? known.error
        : summary?.error
  const waiting = ended ? undefined : whyWaiting(known, live, coordinators)
  const seconds = secondsOf(known, summary, now)
  const note =
    steps === undefined ? 'result storage does not answer: steps that ended are missing' : undefined
  const requested = known?.state === 'running' || known?.state === 'ended' ? known.requested : undefined
  return {
    run,
    flow: known?.flow || summary?.flow || live?.flow || '',
    name: live?.name ?? requested?.name ?? summary?.name ?? known?.flow ?? '',
    state,
    ...(waiting === undefined ? {} : { waiting }),
    ...(error === undefined ? {} : { error: failureForm(error) }),
    ...(seconds === undefined ? {} : { seconds }),
    steps: [...merged.values()].sort((a, b) => a.step - b.step).map((step) => lineOf(step, now)),
    ...(note === undefined ? {} : { note }),
  }
}

function stateOf(known: KnownRun | undefined, summary: RunSummary | undefined): RunState {
  if (known === undefined) return summary?.state ?? 'queued'
  if (known.state === 'ended') return known.completed.state
  return known.state === 'refused' ? 'failed' : known.state
}

function whyWaiting(
  known: KnownRun | undefined,
  live: LiveRun | undefined,
  coordinators: number,
): string | undefined {
  if (known?.state === 'ended' || known?.state === 'refused') return undefined
  if (known?.cancelled) return 'it is being cancelled'
  if (known?.state === 'queued') {
    return coordinators === 0
      ? 'queued: no coordinator is running'
      : 'queued: no coordinator has taken it up yet'
  }
  if (live === undefined) return 'no coordinator holds it now: another one takes it over within seconds'
  return live.waiting ?? live.steps.find((step) => step.waiting !== undefined)?.waiting
}

function isOver(step: StepView | undefined): boolean {
  return step?.state === 'completed' || step?.state === 'failed' || step?.state === 'cancelled'
}

function secondsOf(
  known: KnownRun | undefined,
  summary: RunSummary | undefined,
  now: number,
): number | undefined {
  if (known?.state === 'ended') return (known.completed.endedAt - known.completed.startedAt) / 1000
  if (known?.state === 'running') return Math.max(0, now - known.requested.acceptedAt) / 1000
  if (summary?.startedAt !== undefined && summary.endedAt !== undefined)
    return (summary.endedAt - summary.startedAt) / 1000
  return undefined
}

function lineOf({ error, queuedAt: _, startedAt, endedAt, ...step }: StepView, now: number): StepLine {
  const seconds =
    step.seconds ?? (startedAt === undefined ? undefined : ((endedAt ?? now) - startedAt) / 1000)
  return {
    ...step,
    ...(seconds === undefined ? {} : { seconds }),
    ...(error === undefined ? {} : { error: failureForm(error) }),
  }
}

const PAGE = 10_000

async function readStored(
  client: Client,
  run: string,
): Promise<{ summary: RunSummary | null; steps: StepView[] } | undefined> {
  try {
    const { run: summary } = await client.query('run', { run })
    const steps: StepView[] = []
    for (let more = summary !== null; more; ) {
      const page = await client.query('steps', { run, limit: PAGE, after: steps.at(-1)?.step ?? 0 })
      steps.push(...page.steps)
      more = page.more && page.steps.length > 0
    }
    return { summary, steps }
  } catch (error) {
    if (error instanceof QubusError && error.code === 'UNREACHABLE') return undefined
    throw error
  }
}
