/** A step that was asked for and has no outcome yet. */
import type { StepView } from '#shared/contract/query.ts'
import type { StepKind } from '#shared/contract/step-record.ts'
import type { StepPolicy } from '#shared/flow/runtime.ts'
import type { Timer } from '../clock.ts'
import type { WantedStep } from '../thread/protocol.ts'
import type { Source } from '../turns/turns.ts'
import type { FailedAttempt } from './retry.ts'

/**
 * `reuse`: whether it is known already is being looked up. `turn`: waits until its queue has room. `commanded`: its
 * command is out. `local`: its outcome is being written.
 */
export type Phase = 'reuse' | 'turn' | 'commanded' | 'retrying' | 'timer' | 'effect' | 'signal' | 'local'

/** `by`: the actor's id; empty, where it is not known. */
export type Running = { at: number; node: string; job?: string | undefined; by: string }

export class PendingStep implements Source<PendingStep> {
  readonly step: number
  readonly kind: StepKind
  readonly name: string
  readonly label: string | undefined
  readonly digest: string
  readonly value: Uint8Array
  readonly policy: StepPolicy
  readonly queuedAt: number
  /** The attempt that is under way or comes next. */
  attempt = 1
  phase: Phase = 'local'
  /** The lane that it waits in. */
  laneName = ''
  /** The lane whose place it holds. */
  lane: string | undefined = undefined
  sentAt = 0
  begun = false
  /** It has a place of each of its limits. */
  admitted = false
  /** Whether it is known already was looked up. */
  lookedUp = false
  /** The device that a circuit asks for. */
  target: string | undefined = undefined
  dueAt: number | undefined = undefined
  timer: Timer | undefined = undefined
  /** Heard from whoever runs it. */
  running: Running | undefined = undefined
  /** Since when whoever runs it has given no sign of life. */
  goneAt: number | undefined = undefined
  device: string | undefined = undefined
  /** It waits for a signal: ends that. */
  stopWaiting: (() => void) | undefined = undefined
  readonly #issue: (step: PendingStep) => void
  #waits = false

  constructor(wanted: WantedStep, queuedAt: number, issue: (step: PendingStep) => void) {
    this.step = wanted.step
    this.kind = wanted.kind
    this.name = wanted.name
    this.label = wanted.label
    this.digest = wanted.digest
    this.value = wanted.value
    this.policy = wanted.policy
    this.queuedAt = queuedAt
    this.#issue = issue
  }

  /** It waits for its turn in a lane, as the only one of its kind. */
  waitsIn(lane: string): this {
    this.laneName = lane
    this.phase = 'turn'
    this.#waits = true
    return this
  }

  get size(): number {
    return this.#waits ? 1 : 0
  }

  next(): PendingStep | undefined {
    if (!this.#waits) return undefined
    this.#waits = false
    return this
  }

  /** It has its turn. */
  go(): void {
    this.#issue(this)
  }
}

/** The step as `qubus show` sees it, with why it waits. */
export function viewOf(
  step: PendingStep,
  failures: readonly FailedAttempt[],
  pool: string,
  why: string | undefined,
): StepView {
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
    view.waiting = why ?? whyWaiting(step, pool)
  }
  return view
}

function whyWaiting(step: PendingStep, pool: string): string {
  const due = step.dueAt === undefined ? '' : new Date(step.dueAt).toISOString()
  const limits = step.policy.limits?.join(', ')
  switch (step.phase) {
    case 'reuse':
      return 'is looked up'
    case 'turn':
      return limits === undefined
        ? 'waits for its turn: its queue is full'
        : `waits for its turn at limit ${limits}`
    case 'retrying':
      return `attempt ${step.attempt} starts at ${due}`
    case 'timer':
      return `sleeps until ${due}`
    case 'effect':
      return 'runs in the flow'
    case 'signal':
      return due === ''
        ? `waits for the signal ${step.name.slice('wait '.length)}`
        : `waits for the signal ${step.name.slice('wait '.length)} until ${due}`
  }
  switch (step.kind) {
    case 'task':
    case 'program':
      return limits === undefined
        ? `queued in pool ${pool}`
        : `waits for limit ${limits}, or queued in pool ${pool}`
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
