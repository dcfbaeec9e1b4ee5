/** One circuit that this host was given and has not answered yet. */

import type { Verdict } from '#shared/actor/ask-first.ts'
import type { Delivery } from '#shared/bus/delivery.ts'
import { CircuitCommand } from '#shared/contract/command.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { parseCommandSubject, type StepIdentity } from '#shared/contract/subjects.ts'
import { decode } from '#shared/wire/message.ts'

export type HeldCircuit = {
  readonly id: StepIdentity
  readonly command: CircuitCommand
  /** The newest delivery: the one that is answered. */
  delivery: Delivery
  /** `answered`: acked or handed back; whatever still happens for it is ignored. */
  state: 'queued' | 'running' | 'recording' | 'answered'
  /** It was delivered before. */
  readonly again: boolean
  readonly heldSince: number
  startedAt: number
  announced: boolean
  readonly abort: AbortController
  verdict: Promise<Verdict>
}

export function keyOf({ run, step, attempt }: StepIdentity): string {
  return `${run}.${step}.${attempt}`
}

/** @throws QubusError `POISON` when the message is not a circuit command. */
export function holdCircuit(
  delivery: Delivery,
  ask: (id: StepIdentity & { again: boolean }) => Promise<Verdict>,
): HeldCircuit {
  const command = decode(CircuitCommand, delivery.data)
  const { run, step, attempt } = parseCommandSubject(delivery.subject)
  if (!(step > 0 && attempt > 0))
    throw new QubusError('POISON', `${delivery.subject} names no step and attempt`)
  const again = delivery.deliveries > 1
  return {
    id: { run, step, attempt },
    command,
    delivery,
    state: 'queued',
    again,
    heldSince: performance.now(),
    startedAt: 0,
    announced: false,
    abort: new AbortController(),
    verdict: ask({ run, step, attempt, again }),
  }
}
