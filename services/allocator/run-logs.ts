/** What the runs' logs say about the allocations in hand: asked for all in one read, and at once when a run says so. */

import type { Bus } from '#shared/bus/connect.ts'
import { readLastOf } from '#shared/bus/direct.ts'
import { StepOutcome } from '#shared/contract/step-record.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { record, subject } from '#shared/contract/subjects.ts'
import { decode } from '#shared/wire/message.ts'
import type { RunLog } from './allocation-step.ts'

export type StepOfRun = { run: string; step: number; attempt: number }

/** One entry for each of `steps`, in their order. */
export async function readRunLogs(bus: Bus, steps: readonly StepOfRun[]): Promise<RunLog[]> {
  const subjects = new Set(steps.flatMap((step) => Object.values(subjectsOf(step))))
  const found = new Map(
    (await readLastOf(bus.nc, STREAM.runs, [...subjects])).map((stored) => [stored.subject, stored.data]),
  )
  return steps.map((step) => {
    const of = subjectsOf(step)
    const outcome = found.get(of.outcome)
    return {
      requested: found.has(of.requested),
      cancelled: found.has(of.cancel),
      completed: found.has(of.completed),
      outcome: outcome === undefined ? undefined : decode(StepOutcome, outcome).state,
      attemptFailed: found.has(of.attempt),
    }
  })
}

/** Calls back when a run has something to say: its end, its cancellation. Returns a function that stops that. */
export function listenToRun(bus: Bus, run: string, onNews: () => void): () => void {
  const callback = (error: unknown): void => {
    if (!error) onNews()
  }
  const subscriptions = [subject.event('run', '*', run, '>'), subject.control(run)].map((of) =>
    bus.nc.subscribe(of, { callback }),
  )
  return () => {
    for (const subscription of subscriptions) subscription.unsubscribe()
  }
}

function subjectsOf({ run, step, attempt }: StepOfRun) {
  const of = record(run)
  return {
    requested: of.requested,
    cancel: of.cancel,
    completed: of.completed,
    outcome: of.outcome(step),
    attempt: of.attempt(step, attempt),
  }
}
