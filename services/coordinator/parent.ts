/** A sub-flow's end is its parent's step: written before the child's request is acked. */
import { cloudHeaders } from '#shared/bus/headers.ts'
import type { CompletedRecord, RequestedRecord } from '#shared/contract/run-record.ts'
import type { AttemptRecord, StepOutcome } from '#shared/contract/step-record.ts'
import { record } from '#shared/contract/subjects.ts'
import { encode } from '#shared/wire/message.ts'
import type { CoordinatorContext } from './context.ts'

export async function tellParent(
  context: CoordinatorContext,
  requested: RequestedRecord,
  run: string,
  completed: CompletedRecord,
): Promise<void> {
  const { parent } = requested
  if (parent === undefined) return
  const { store } = context
  const base = {
    kind: 'flow' as const,
    name: parent.name,
    digest: parent.digest,
    writer: context.id,
    node: context.host,
    queuedAt: parent.queuedAt,
    startedAt: completed.startedAt,
    endedAt: completed.endedAt,
  }
  const headers = (verb: string) =>
    cloudHeaders({
      type: `qubus.step.${verb}`,
      id: `${parent.run}.${parent.step}`,
      source: `/qubus/coordinator/${context.id}`,
      time: completed.endedAt,
      step: parent.name,
    })
  if (completed.state === 'completed') {
    const outcome: StepOutcome = {
      ...base,
      state: 'completed',
      attempt: parent.attempt,
      ...(completed.result === undefined ? {} : { result: completed.result }),
    }
    await store.create({
      subject: record(parent.run).outcome(parent.step),
      body: encode(outcome),
      headers: headers('completed'),
    })
  } else {
    const cause = completed.error ?? { code: 'FLOW_FAILED', name: 'Error', message: completed.state }
    const error = {
      ...cause,
      message: `sub-flow ${JSON.stringify(requested.flow)} (run ${run}) ${completed.state}: ${cause.message}`,
    }
    const attempt: AttemptRecord = {
      ...base,
      error:
        completed.state === 'cancelled'
          ? { ...error, code: 'CANCELLED' }
          : { ...error, code: retryableCode(error.code) },
    }
    await store.create({
      subject: record(parent.run).attempt(parent.step, parent.attempt),
      body: encode(attempt),
      headers: headers('attempt'),
    })
  }
  context.control(parent.run, [parent.step])
}

// A sub-flow that was asked to retry may: how its own steps failed is not the last word on another run of it.
function retryableCode(code: string): string {
  return code === 'TERMINAL' || code === 'INVALID_INPUT' || code === 'NON_DETERMINISTIC'
    ? code
    : 'TASK_FAILED'
}
