/** Commands: what asks somebody else to do a step. */
import type { Blobs } from '#shared/bus/blobs.ts'
import type { CommandSender } from '#shared/bus/command-sender.ts'
import type { Stored } from '#shared/bus/direct.ts'
import type { Creation, Draft, Publisher } from '#shared/bus/publisher.ts'
import { NonDeterministicFlowError } from '#shared/contract/errors.ts'
import type { Payload } from '#shared/contract/payload.ts'
import { Permit } from '#shared/contract/permit.ts'
import { StepShape } from '#shared/contract/step-record.ts'
import { STREAM, type StreamName } from '#shared/contract/streams.ts'
import { subject } from '#shared/contract/subjects.ts'
import { decode, encode } from '#shared/wire/message.ts'
import type { PendingStep } from './steps/pending-step.ts'
import {
  allocationDraft,
  childDraft,
  identityOf,
  type RunFacts,
  submissionDraft,
  taskDraft,
} from './steps/step-drafts.ts'

export type CommandFacts = RunFacts & {
  /** The log held something before this coordinator came: commands may be there already. */
  takenOver: boolean
  /** The run that the sub-flow of this step goes on from. */
  resumes(step: PendingStep): string | undefined
}

export type Commands = {
  /**
   * Sends the command of the step's next attempt, create-if-absent.
   * @returns a promise where the message has to wait for something: a blob, or a look at what is there.
   * @throws NonDeterministicFlowError when there is another step's: the code has changed since.
   */
  send(facts: CommandFacts, step: PendingStep): void | Promise<void>
  /** Sends again what the broker has lost. */
  repeat(facts: CommandFacts, steps: PendingStep[]): Promise<void>
}

export type CommandWays = {
  /** The command on that subject, if there is one. */
  find(stream: StreamName, subject: string): Promise<Pick<Stored, 'data'> | undefined>
  blobs: Pick<Blobs, 'toPayload'>
  tasks: Sender
  submissions: Sender
  permits: Sender
  allocations: Pick<Publisher, 'create'>
  requests: Pick<Publisher, 'create'>
}

type Sender = Pick<CommandSender, 'send' | 'create' | 'missing'>

type Way = { stream: StreamName; send(draft: Draft): void; create(draft: Draft): Promise<Creation> }

export function openCommands(ways: CommandWays): Commands {
  const bySender = (stream: StreamName, sender: Sender): Way => ({
    stream,
    send: (draft) => sender.send(draft),
    create: (draft) => sender.create(draft),
  })
  // What can't be sent at all would be refused again and again: it surfaces with the next one that is awaited.
  const byPublisher = (stream: StreamName, publisher: CommandWays['requests']): Way => ({
    stream,
    send: (draft) => void publisher.create(draft).catch(() => {}),
    create: (draft) => publisher.create(draft),
  })
  const wayOf = {
    task: bySender(STREAM.tasks, ways.tasks),
    circuit: bySender(STREAM.submissions, ways.submissions),
    vqpu: byPublisher(STREAM.allocations, ways.allocations),
    flow: byPublisher(STREAM.flows, ways.requests),
    permit: bySender(STREAM.permits, ways.permits),
  }
  const commandOf = (
    facts: CommandFacts,
    step: PendingStep,
    payload: Payload,
  ): { way: Way; draft: Draft } => {
    const kind = step.kind === 'program' ? 'task' : (step.kind as 'task' | 'circuit' | 'vqpu' | 'flow')
    const way = wayOf[kind]
    const draft =
      kind === 'vqpu'
        ? allocationDraft(facts, step)
        : kind === 'circuit'
          ? submissionDraft(facts, step, payload)
          : kind === 'flow'
            ? childDraft(facts, step, payload, facts.resumes(step))
            : taskDraft(facts, step, payload)
    const [limit, ...further] = step.policy.limits ?? []
    if (limit === undefined) return { way, draft }
    const permit: Permit = { further, command: { stream: way.stream, ...draft } }
    return {
      way: wayOf.permit,
      draft: { subject: subject.permit(limit, identityOf(facts, step)), body: encode(permit) },
    }
  }
  // A command that is there must be this very step's. A sub-flow's request is gone once it is done; its own log says what it was.
  const verify = async (step: PendingStep, way: Way, at: string): Promise<void> => {
    if (step.kind === 'flow') return
    const stored = await ways.find(way.stream, at).catch(() => undefined)
    if (stored === undefined) return
    const body = way === wayOf.permit ? decode(Permit, stored.data).command.body : stored.data
    const there = decode(StepShape, body)
    if (there.digest !== step.digest) throw otherStep(step, there)
  }
  const go = (facts: CommandFacts, step: PendingStep, payload: Payload): void | Promise<void> => {
    const { way, draft } = commandOf(facts, step, payload)
    if (!facts.takenOver) return way.send(draft)
    return way
      .create(draft)
      .then((creation) => (creation === 'present' ? verify(step, way, draft.subject) : undefined))
  }
  return {
    send(facts, step) {
      const payload = ways.blobs.toPayload(step.value)
      return payload instanceof Promise
        ? payload.then((stored) => go(facts, step, stored))
        : go(facts, step, payload)
    },
    async repeat(facts, steps) {
      const drafts = new Map<Sender, Map<string, Draft>>()
      for (const step of steps) {
        const { way, draft } = commandOf(facts, step, await ways.blobs.toPayload(step.value))
        const sender =
          way === wayOf.permit
            ? ways.permits
            : way === wayOf.task
              ? ways.tasks
              : way === wayOf.circuit
                ? ways.submissions
                : undefined
        // The other streams are synced: they lose nothing.
        if (sender === undefined) continue
        const of = drafts.get(sender) ?? new Map<string, Draft>()
        drafts.set(sender, of.set(draft.subject, draft))
      }
      for (const [sender, of] of drafts)
        for (const missing of await sender.missing([...of.keys()])) sender.send(of.get(missing) as Draft)
    },
  }
}

function otherStep(step: PendingStep, there: StepShape): NonDeterministicFlowError {
  return new NonDeterministicFlowError(
    `step ${step.step}: ${there.kind} ${JSON.stringify(there.name)} (${there.digest}) was commanded before, the flow now asks for ${step.kind} ${JSON.stringify(step.name)} (${step.digest})`,
    { step: step.step, recorded: there.name, asked: step.name },
  )
}
