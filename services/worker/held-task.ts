/** One command that this worker was given and has not answered yet. */
import type { Verdict } from '#shared/actor/ask-first.ts'
import type { Delivery } from '#shared/bus/delivery.ts'
import { TaskCommand } from '#shared/contract/command.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { parseCommandSubject, type StepIdentity } from '#shared/contract/subjects.ts'
import { decode } from '#shared/wire/message.ts'

export type HeldTask = {
  readonly id: StepIdentity
  readonly key: string
  readonly pool: string
  readonly command: TaskCommand
  /** The newest delivery: the one that is answered. */
  delivery: Delivery
  /** `answered`: acked or handed back; whatever still happens for it is ignored. */
  state: 'asking' | 'queued' | 'running' | 'recording' | 'answered'
  /** It was delivered before: whoever had it may have vanished while executing it. */
  readonly again: boolean
  readonly heldSince: number
  startedAt: number
  announced: boolean
  verdict: Verdict | undefined
  /** Where the bundle is, and the arguments: fetched before a slot is taken. */
  material: { file: string; value: Uint8Array } | undefined
  /** Ends what runs for it. */
  end: ((reason: QubusError) => void) | undefined
}

/** @throws QubusError `POISON` when the message is not a task command. */
export function holdTask(delivery: Delivery): HeldTask {
  const command = decode(TaskCommand, delivery.data)
  const { run, step, attempt, target } = parseCommandSubject(delivery.subject)
  if (!(step > 0 && attempt > 0))
    throw new QubusError('POISON', `${delivery.subject} names no step and attempt`)
  return {
    id: { run, step, attempt },
    key: `${run}.${step}.${attempt}`,
    pool: target,
    command,
    delivery,
    state: 'asking',
    again: delivery.deliveries > 1,
    heldSince: performance.now(),
    startedAt: 0,
    announced: false,
    verdict: undefined,
    material: undefined,
    end: undefined,
  }
}
