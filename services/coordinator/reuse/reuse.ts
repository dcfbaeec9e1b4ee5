/** What need not be done again: from an earlier attempt, from the run that this one goes on from, or from the cache. */
import type { Payload } from '#shared/contract/payload.ts'
import type { StepOutcome } from '#shared/contract/step-record.ts'
import type { CoordinatorContext } from '../context.ts'
import type { PendingStep } from '../steps/pending-step.ts'
import { childOf, type RunFacts } from '../steps/step-drafts.ts'
import type { Inheritance } from './inheritance.ts'

export type Known = { result?: Payload; artifacts?: StepOutcome['artifacts']; from: StepOutcome['from'] }

export type Reuse = {
  /** Whether it has to be looked up. */
  mayKnow(step: PendingStep): boolean
  find(step: PendingStep): Promise<Known | undefined>
  /** The run that the sub-flow of this step goes on from. */
  childToResume(step: PendingStep): string | undefined
  /** It was done: keeps what the author wants to be kept. */
  completed(step: PendingStep, outcome: StepOutcome): void
}

/** @param inheritance undefined where there is nothing to inherit. */
export function openReuse(
  context: CoordinatorContext,
  facts: RunFacts,
  inheritance: Promise<Inheritance> | undefined,
): Reuse {
  let inherited: Inheritance | undefined
  void inheritance?.then(
    (read) => {
      inherited = read
    },
    () => {},
  )
  const resuming = new Map<number, string>()
  return {
    mayKnow: ({ kind, policy }) =>
      inheritance !== undefined || (policy.cache !== undefined && kind === 'task'),
    async find(step) {
      const own = await inheritance
      const before = await own?.take(step.digest)
      if (own && before) {
        const { result, artifacts, endedAt, from } = before.outcome
        return {
          ...(result === undefined ? {} : { result }),
          // Within the run, what it left to look at is there already.
          ...(artifacts === undefined || own.run === facts.run ? {} : { artifacts }),
          from: { how: 'resumed', run: own.run, step: before.step, at: from?.at ?? endedAt },
        }
      }
      const key = keyOf(step, facts)
      const kept = key === undefined ? undefined : await context.cache.find(key, context.clock.now())
      if (kept === undefined) return undefined
      return { result: kept.result, from: { how: 'cache', run: kept.run, step: kept.step, at: kept.at } }
    },
    childToResume(step) {
      if (inherited === undefined || step.kind !== 'flow') return undefined
      let known = resuming.get(step.step)
      if (known === undefined) {
        const failed = inherited.takeFailedFlow(step.digest)
        if (failed === undefined) return undefined
        known = childOf(inherited.run, { step: failed, attempt: 1 })
        resuming.set(step.step, known)
      }
      return known
    },
    completed(step, outcome) {
      const key = keyOf(step, facts)
      if (key === undefined || outcome.from !== undefined || outcome.result === undefined) return
      const at = context.clock.now()
      const { seconds } = step.policy.cache ?? {}
      context.cache.keep(key, {
        name: step.name,
        run: facts.run,
        step: step.step,
        result: outcome.result,
        at,
        ...(seconds === undefined ? {} : { expiresAt: at + seconds * 1000 }),
      })
    },
  }
}

// Without a key of the author's, other code is another task.
function keyOf({ kind, name, digest, policy }: PendingStep, { requested }: RunFacts): string | undefined {
  if (policy.cache === undefined || kind !== 'task') return undefined
  const { key } = policy.cache
  return key === undefined ? `code\n${requested.bundle}\n${digest}` : `key\n${name}\n${key}`
}
