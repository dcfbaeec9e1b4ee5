/** A step that was asked for and has no outcome yet. */
import type { StepView } from '#shared/contract/query.ts'
import type { LongTimer } from './long-timer.ts'
import type { FailedAttempt } from './retry.ts'
import type { WantedStep } from './thread/protocol.ts'

export type PendingStep = WantedStep & {
  queuedAt: number
  /** The attempt that is under way or comes next. */
  attempt: number
  phase: 'window' | 'commanded' | 'retrying' | 'timer' | 'effect' | 'local'
  dueAt?: number
  timer?: LongTimer
  /** Heard from whoever runs it. */
  running?: { at: number; node: string; job?: string | undefined }
  device?: string
}

/** The step as `qubus show` sees it, with why it waits. */
export function viewOf(step: PendingStep, failures: readonly FailedAttempt[], pool: string): StepView {
  const running = step.running !== undefined && step.phase === 'commanded'
  const view: StepView = {
    step: step.step,
    name: step.label ?? step.name,
    kind: step.kind,
    state: running ? 'running' : failures.length > 0 ? 'retrying' : 'queued',
    attempts: step.attempt,
    queuedAt: step.queuedAt,
  }
  if (step.kind === 'task' || step.kind === 'program') view.pool = pool
  if (step.device !== undefined) view.device = step.device
  if (running) {
    view.startedAt = step.running?.at
    view.node = step.running?.node
    if (step.running?.job !== undefined) view.job = step.running.job
  } else {
    view.waiting = whyWaiting(step, pool)
  }
  return view
}

function whyWaiting(step: PendingStep, pool: string): string {
  const due = step.dueAt === undefined ? '' : new Date(step.dueAt).toISOString()
  if (step.phase === 'window') return 'waits until earlier steps of this run are done'
  if (step.phase === 'retrying') return `attempt ${step.attempt} starts at ${due}`
  if (step.phase === 'timer') return `sleeps until ${due}`
  if (step.phase === 'effect') return 'runs in the flow'
  switch (step.kind) {
    case 'task':
    case 'program':
      return `queued in pool ${pool}`
    case 'circuit':
      return step.device === undefined ? 'waits for a submitter' : `queued on device ${step.device}`
    case 'vqpu':
      return 'waits for the allocator to start it'
    case 'flow':
      return 'the sub-flow runs'
    default:
      return 'under way'
  }
}
