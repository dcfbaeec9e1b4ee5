/** Commands a step: publishes what asks for its next attempt, create-if-absent. */
import { readLast } from '#shared/bus/direct.ts'
import type { Draft, Publisher } from '#shared/bus/publisher.ts'
import { NonDeterministicFlowError } from '#shared/contract/errors.ts'
import type { Payload } from '#shared/contract/payload.ts'
import { StepShape } from '#shared/contract/step-record.ts'
import { STREAM, type StreamName } from '#shared/contract/streams.ts'
import { decode } from '#shared/wire/message.ts'
import type { CoordinatorContext } from './context.ts'
import { allocationDraft, childDraft, type RunFacts, submissionDraft, taskDraft } from './step-drafts.ts'
import type { PendingStep } from './step-state.ts'

type Command = { publisher: Publisher; draft: Draft; stream: StreamName }

/**
 * Resolves when the command is on disk, whoever published it.
 * @param takenOver a command may be there from before: then it must be this very step's.
 * @throws NonDeterministicFlowError when it is another step's: the code has changed since.
 */
export async function sendCommand(
  context: CoordinatorContext,
  facts: RunFacts,
  step: PendingStep,
  takenOver: boolean,
): Promise<void> {
  const payload = context.actor.blobs.toPayload(step.value)
  const { publisher, draft, stream } = commandOf(
    context,
    facts,
    step,
    payload instanceof Promise ? await payload : payload,
  )
  if (!context.leaseHolds()) return
  const creation = await publisher.create(draft)
  // A sub-flow's request is gone once it is done; its own log says what it was.
  if (creation === 'present' && takenOver && step.kind !== 'flow')
    await verify(context, step, draft.subject, stream)
}

function commandOf(
  context: CoordinatorContext,
  facts: RunFacts,
  step: PendingStep,
  payload: Payload,
): Command {
  switch (step.kind) {
    case 'vqpu':
      return {
        publisher: context.allocations,
        draft: allocationDraft(facts, step),
        stream: STREAM.allocations,
      }
    case 'circuit':
      return {
        publisher: context.submissions,
        draft: submissionDraft(facts, step, payload),
        stream: STREAM.submissions,
      }
    case 'flow':
      return { publisher: context.requests, draft: childDraft(facts, step, payload), stream: STREAM.flows }
    default:
      return { publisher: context.tasks, draft: taskDraft(facts, step, payload), stream: STREAM.tasks }
  }
}

async function verify(
  { actor }: CoordinatorContext,
  step: PendingStep,
  at: string,
  stream: StreamName,
): Promise<void> {
  const stored = await readLast(actor.bus.nc, stream, at).catch(() => undefined)
  if (stored === undefined) return
  const shape = decode(StepShape, stored.data)
  if (shape.digest === step.digest) return
  throw new NonDeterministicFlowError(
    `step ${step.step}: ${shape.kind} ${JSON.stringify(shape.name)} (${shape.digest}) was commanded before, the flow now asks for ${step.kind} ${JSON.stringify(step.name)} (${step.digest})`,
    { step: step.step, recorded: shape.name, asked: step.name },
  )
}
