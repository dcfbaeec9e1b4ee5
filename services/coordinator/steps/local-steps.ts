/** Steps that nobody else does: timers, side effects, artifacts, signals, and the end of a vQPU. */
import type { StepOutcome, WaitRecord } from '#shared/contract/step-record.ts'
import { decodeValue, encodeValue } from '#shared/wire/value.ts'
import type { CoordinatorContext } from '../context.ts'
import type { PendingStep } from './pending-step.ts'
import { doSignalStep } from './signal-step.ts'
import { type Ending, type RunFacts, timerDraft } from './step-drafts.ts'

/** What the log says of steps that have begun. */
export type Marks = {
  /** When sleeps end, in Unix milliseconds. */
  timers: Map<number, number>
  waits: Map<number, Pick<WaitRecord, 'since' | 'dueAt'>>
}

export type LocalStepOptions = {
  context: CoordinatorContext
  facts: RunFacts
  step: PendingStep
  marks: Marks
  execute(step: number): void
  fail(error: unknown): void
  /** Whether anybody still waits for it. */
  wanted(): boolean
  finish(ending: Ending): void
}

export function isLocal({ kind }: PendingStep): boolean {
  return (
    kind === 'sleep' || kind === 'side-effect' || kind === 'artifact' || kind === 'drain' || kind === 'signal'
  )
}

export function doLocally(options: LocalStepOptions): void {
  const { step, marks } = options
  switch (step.kind) {
    case 'sleep':
      return sleep(options)
    case 'side-effect':
      step.phase = 'effect'
      return options.execute(step.step)
    case 'artifact':
      return artifact(options)
    case 'signal':
      step.phase = 'signal'
      return doSignalStep({ ...options, begun: marks.waits.get(step.step) })
    default:
      return void drain(options)
  }
}

function sleep({ context, facts, step, marks, wanted, finish }: LocalStepOptions): void {
  step.phase = 'timer'
  const until = (dueAt: number): void => {
    if (!wanted()) return
    step.dueAt = dueAt
    step.timer = context.clock.at(dueAt, () => wanted() && finish({ state: 'completed' }))
  }
  const known = marks.timers.get(step.step)
  if (known !== undefined) return until(known)
  const now = context.clock.now()
  context.store.create(timerDraft(facts, step, now)).then(
    () => until(marks.timers.get(step.step) ?? now + (decodeValue(step.value) as number) * 1000),
    () => {},
  )
}

function artifact({ context, facts, step, wanted, finish, fail }: LocalStepOptions): void {
  const { key, type, value } = decodeValue(step.value) as { key: string; type: 'json'; value: unknown }
  const store = async (): Promise<StepOutcome['artifacts']> => {
    const payload = await context.blobs.toPayload(encodeValue(value, `artifact ${JSON.stringify(key)}`))
    return [{ key, type, payload, at: context.clock.now() }]
  }
  store().then(
    (artifacts) => {
      if (!wanted()) return
      finish({ state: 'completed', artifacts })
      context.emit({
        noun: 'artifact',
        verb: 'created',
        run: facts.run,
        id: `${step.step}`,
        data: { key, type },
      })
    },
    (error: unknown) => wanted() && fail(error),
  )
}

async function drain({ context, step, wanted, finish }: LocalStepOptions): Promise<void> {
  if (await context.drainDevice(decodeValue(step.value) as string, wanted)) finish({ state: 'completed' })
}
