/** One command that this worker was given and has not answered yet. */
import type { Verdict } from '#shared/actor/ask-first.ts'
import type { Delivery } from '#shared/bus/delivery.ts'
import { TaskCommand } from '#shared/contract/command.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { PLAIN_SHAPE } from '#shared/contract/shape.ts'
import { parseCommandSubject, type StepIdentity } from '#shared/contract/subjects.ts'
import { decode, unpack } from '#shared/wire/message.ts'

export type HeldTask = {
  readonly id: StepIdentity
  readonly key: string
  readonly pool: string
  /** Token of the queue that it came from: what it takes of the worker. */
  readonly shape: string
  readonly command: TaskCommand
  /** The newest delivery: the one that is answered. */
  delivery: Delivery
  /** `answered`: acked or handed back; whatever still happens for it is ignored. */
  state: 'asking' | 'queued' | 'running' | 'recording' | 'answered'
  /** It was delivered before: whoever had it may have vanished while executing it. */
  readonly again: boolean
  readonly heldSince: number
  /** Unix milliseconds. */
  startedAt: number
  /** The same, monotonic. */
  since: number
  announced: boolean
  verdict: Verdict | undefined
  /** Where the bundle is, and the arguments: fetched before a slot is taken. */
  material: { file: string; value: Uint8Array } | undefined
  /** Ends what runs for it. */
  end: ((reason: QubusError) => void) | undefined
}

// Coordinators wrote nearly all of them: a look at what is used costs a tenth of a full check.
function readCommand(data: Uint8Array): TaskCommand {
  const command = unpack(data) as TaskCommand
  const { kind, name, digest, bundle, payload } = command ?? {}
  const usual =
    (kind === 'task' || kind === 'program') && typeof name === 'string' && typeof digest === 'string'
  const bytes = typeof payload === 'object' && payload !== null && 'inline' in payload && payload.inline
  return usual && typeof bundle === 'string' && bytes instanceof Uint8Array
    ? command
    : decode(TaskCommand, data)
}

/** @throws QubusError `POISON` when the message is not a task command. */
export function holdTask(delivery: Delivery): HeldTask {
  const command = readCommand(delivery.data)
  const { run, step, attempt, target } = parseCommandSubject(delivery.subject)
  if (!(step > 0 && attempt > 0))
    throw new QubusError('POISON', `${delivery.subject} names no step and attempt`)
  return {
    id: { run, step, attempt },
    key: `${run}.${step}.${attempt}`,
    pool: target,
    shape: delivery.subject.split('.', 5)[4] ?? PLAIN_SHAPE,
    command,
    delivery,
    state: 'asking',
    again: delivery.deliveries > 1,
    heldSince: performance.now(),
    startedAt: 0,
    since: 0,
    announced: false,
    verdict: undefined,
    material: undefined,
    end: undefined,
  }
}

/** Tasks of one kind take about the same time, and run in the same host. */
export function kindOf({ command, material }: HeldTask): string {
  return command.kind === 'program'
    ? 'program'
    : `${material?.file} ${command.name} ${command.isolation ?? ''} ${command.memoryLimit ?? ''}`
}
