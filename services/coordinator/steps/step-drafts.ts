/** The messages that a step needs, made from what the flow asked for. Nothing here talks to anyone. */
import { hash } from 'node:crypto'
import { cloudHeaders } from '#shared/bus/headers.ts'
import type { Draft } from '#shared/bus/publisher.ts'
import type { AllocationCommand, CircuitCommand, CircuitSpec, TaskCommand } from '#shared/contract/command.ts'
import type { Failure } from '#shared/contract/failure.ts'
import type { FlowRequest } from '#shared/contract/flow-request.ts'
import { childRunId } from '#shared/contract/ids.ts'
import type { Payload } from '#shared/contract/payload.ts'
import type { RequestedRecord } from '#shared/contract/run-record.ts'
import { PLAIN_SHAPE } from '#shared/contract/shape.ts'
import type { Artifact, StepOutcome, TimerRecord, WaitRecord } from '#shared/contract/step-record.ts'
import { record, type StepIdentity, subject } from '#shared/contract/subjects.ts'
import type { LaunchValue } from '#shared/flow/vqpu.ts'
import { encode } from '#shared/wire/message.ts'
import { decodeValue } from '#shared/wire/value.ts'
import type { PendingStep } from './pending-step.ts'

export type RunFacts = { run: string; requested: RequestedRecord }

const headOf = ({ kind, name, label, digest }: PendingStep) => ({
  kind,
  name,
  digest,
  ...(label === undefined ? {} : { label }),
})

/** The pool of a step: its own, else the run's, else `generic`. */
export function poolOf(step: Pick<PendingStep, 'policy'>, requested: RequestedRecord): string {
  return step.policy.pool ?? requested.pool ?? 'generic'
}

/** What a task or program takes of its worker: the token of the queue that it waits in. */
export function shapeOf(step: Pick<PendingStep, 'policy'>): string {
  return step.policy.shape ?? PLAIN_SHAPE
}

/** The device that a circuit asks for. */
export function deviceOf(step: PendingStep): string {
  step.target ??= (decodeValue(step.value) as CircuitSpec).device
  return step.target
}

export function identityOf({ run }: RunFacts, { step, attempt }: PendingStep): StepIdentity {
  return { run, step, attempt }
}

export function taskDraft(facts: RunFacts, step: PendingStep, payload: Payload): Draft {
  const { requested } = facts
  const { timeoutSeconds, onLost, memoryLimit, isolation } = step.policy
  const command: TaskCommand = {
    ...headOf(step),
    bundle: requested.bundle,
    payload,
    queuedAt: step.queuedAt,
    ...(requested.sourceRoot === undefined ? {} : { sourceRoot: requested.sourceRoot }),
    ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
    ...(onLost === undefined ? {} : { onLost }),
    ...(memoryLimit === undefined ? {} : { memoryLimit }),
    ...(isolation === undefined ? {} : { isolation }),
  }
  return {
    subject: subject.task(poolOf(step, requested), identityOf(facts, step), shapeOf(step)),
    body: encode(command),
  }
}

export function submissionDraft({ run }: RunFacts, step: PendingStep, payload: Payload): Draft {
  const command: CircuitCommand = {
    ...headOf(step),
    payload,
    queuedAt: step.queuedAt,
    ...(step.policy.timeoutSeconds === undefined ? {} : { timeoutSeconds: step.policy.timeoutSeconds }),
  }
  return {
    subject: subject.submission({ run, step: step.step, attempt: step.attempt }),
    body: encode(command),
  }
}

export function allocationDraft({ run }: RunFacts, step: PendingStep): Draft {
  const { id, engine, walltimeSeconds, shared } = decodeValue(step.value) as LaunchValue
  const command: AllocationCommand = {
    ...headOf(step),
    run,
    step: step.step,
    attempt: step.attempt,
    device: shared ? `vqpu-${id}` : `${run}-vqpu-${id}`,
    engine,
    walltimeSeconds,
    shared,
    queuedAt: step.queuedAt,
    ...(step.policy.timeoutSeconds === undefined ? {} : { timeoutSeconds: step.policy.timeoutSeconds }),
  }
  return {
    subject: subject.allocation(step.policy.pool ?? 'vqpu', run, `${step.step}-${step.attempt}`),
    body: encode(command),
  }
}

/** The run of a sub-flow step: the same at every replay, another one for each attempt. */
export function childOf(run: string, step: Pick<PendingStep, 'step' | 'attempt'>): string {
  const first = childRunId(run, step.step, (text) => hash('sha256', text))
  return step.attempt === 1 ? first : `${first}-r${step.attempt}`
}

/** @param resumes the run that did this before and failed, if there is one to go on from. */
export function childDraft(
  { run, requested }: RunFacts,
  step: PendingStep,
  payload: Payload,
  resumes: string | undefined,
): Draft {
  const child = childOf(run, step)
  const pool = step.policy.pool ?? requested.pool
  const { timeoutSeconds } = step.policy
  const { user, project, priority, tags } = requested
  // One that is asked for by its name alone is found when the child's request is taken.
  const { bundle, sourceRoot } = step.policy.published
    ? { bundle: undefined, sourceRoot: undefined }
    : requested
  const request: FlowRequest = {
    flow: step.name,
    ...(bundle === undefined ? {} : { bundle }),
    payload,
    requestedAt: step.queuedAt,
    parent: {
      run,
      step: step.step,
      attempt: step.attempt,
      name: step.name,
      digest: step.digest,
      queuedAt: step.queuedAt,
      root: rootOf(run, requested),
    },
    ...(sourceRoot === undefined ? {} : { sourceRoot }),
    ...(user === undefined ? {} : { user }),
    ...(project === undefined ? {} : { project }),
    ...(priority === undefined ? {} : { priority }),
    ...(tags === undefined ? {} : { tags }),
    ...(pool === undefined ? {} : { pool }),
    ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
    ...(resumes === undefined ? {} : { resumes }),
  }
  const headers = cloudHeaders({
    type: 'qubus.run.queued',
    id: child,
    source: `/qubus/run/${run}`,
    time: step.queuedAt,
  })
  return { subject: subject.childFlow(child), body: encode(request), headers }
}

/** The run at the top of the tree that this run is in. */
export function rootOf(run: string, { parent }: RequestedRecord): string {
  return parent === undefined ? run : (parent.root ?? parent.run)
}

export function timerDraft({ run }: RunFacts, step: PendingStep, now: number): Draft {
  const seconds = decodeValue(step.value) as number
  const body: TimerRecord = { ...headOf(step), dueAt: now + seconds * 1000, setAt: now }
  return {
    subject: record(run).timer(step.step),
    body: encode(body),
    headers: stepHeaders(run, step, 'timer', now),
  }
}

export function waitDraft(
  { run }: RunFacts,
  step: PendingStep,
  since: number,
  dueAt: number | undefined,
  now: number,
): Draft {
  const body: WaitRecord = { ...headOf(step), since, setAt: now, ...(dueAt === undefined ? {} : { dueAt }) }
  return {
    subject: record(run).wait(step.step),
    body: encode(body),
    headers: stepHeaders(run, step, 'waiting', now),
  }
}

export type Ending = {
  state: 'completed' | 'failed' | 'cancelled'
  result?: Payload
  error?: Failure
  artifacts?: Artifact[] | undefined
  from?: StepOutcome['from']
}

/** The outcome of a step that the coordinator itself brings to its end. */
export function outcomeDraft(
  { run }: RunFacts,
  step: PendingStep,
  ending: Ending,
  by: { writer: string; node: string },
  now: number,
): Draft {
  const outcome: StepOutcome = {
    ...headOf(step),
    ...ending,
    ...by,
    attempt: step.attempt,
    queuedAt: step.queuedAt,
    startedAt: step.queuedAt,
    endedAt: now,
  }
  return {
    subject: record(run).outcome(step.step),
    body: encode(outcome),
    headers: stepHeaders(run, step, ending.state, now, by.writer),
  }
}

function stepHeaders(run: string, step: PendingStep, verb: string, time: number, writer = 'coordinator') {
  return cloudHeaders({
    type: `qubus.step.${verb}`,
    id: `${run}.${step.step}`,
    source: `/qubus/coordinator/${writer}`,
    time,
    step: step.label ?? step.name,
  })
}
