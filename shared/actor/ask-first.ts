/**
&: what the log holds decides whether a command is still wanted. The decision is pure; the asker
 * below reads the log once for everything that is asked about in one turn of the event loop.
 */
import type { NatsConnection } from '@nats-io/transport-node'
import { readLastOf } from '../bus/direct.ts'
import { STREAM } from '../contract/streams.ts'
import { record, type StepIdentity } from '../contract/subjects.ts'

/** `again`: it was delivered before, so whoever had it may have vanished while executing it. */
export type Question = StepIdentity & { again: boolean }

export type Settled =
  | 'outcome recorded'
  | 'attempt recorded'
  | 'run completed'
  | 'run cancelled'
  | 'run unknown'

/** `losses`: how often this attempt was taken up again already. */
export type Verdict = { wanted: true; losses: number } | { wanted: false; why: Settled }

/** An attempt that was lost more often than this is not executed again. */
export const MAX_LOSSES = 5

/** @param has whether the log holds a record on that subject. */
export function decide(question: Question, has: (subject: string) => boolean): Verdict {
  const log = record(question.run)
  if (has(log.outcome(question.step))) return { wanted: false, why: 'outcome recorded' }
  if (has(log.attempt(question.step, question.attempt))) return { wanted: false, why: 'attempt recorded' }
  if (has(log.completed)) return { wanted: false, why: 'run completed' }
  if (has(log.cancel)) return { wanted: false, why: 'run cancelled' }
  if (!has(log.requested)) return { wanted: false, why: 'run unknown' }
  return { wanted: true, losses: lossesOf(question).filter(has).length }
}

/** The subjects that {@link decide} looks at. */
export function subjectsOf(question: Question): string[] {
  const log = record(question.run)
  return [
    log.outcome(question.step),
    log.attempt(question.step, question.attempt),
    log.completed,
    log.cancel,
    log.requested,
    ...lossesOf(question),
  ]
}

function lossesOf({ run, step, attempt, again }: Question): string[] {
  if (!again) return []
  return Array.from({ length: MAX_LOSSES }, (_, i) => record(run).lost(step, attempt, i + 1))
}

export type Ask = (question: Question) => Promise<Verdict>

/** Runs whose `requested` was seen. It never goes before `completed` comes, and it carries the run's parameters: read it once. */
const REMEMBERED_RUNS = 10_000

export function openAsker(nc: NatsConnection): Ask {
  const requested = new Set<string>()
  let asked: Asked[] = []
  const flush = async (): Promise<void> => {
    const group = asked
    asked = []
    try {
      const subjects = [...new Set(group.flatMap((each) => subjectsOf(each.question)))]
      const known = new Set(subjects.filter((one) => requested.has(one)))
      const found = await readLastOf(
        nc,
        STREAM.runs,
        subjects.filter((one) => !known.has(one)),
      )
      const present = new Set(found.map((stored) => stored.subject))
      for (const each of group) remember(requested, record(each.question.run).requested, present)
      for (const each of group)
        each.resolve(decide(each.question, (one) => present.has(one) || known.has(one)))
    } catch (error) {
      for (const each of group) each.reject(error)
    }
  }
  return (question) =>
    new Promise((resolve, reject) => {
      if (asked.push({ question, resolve, reject }) === 1) queueMicrotask(() => void flush())
    })
}

type Asked = { question: Question; resolve(verdict: Verdict): void; reject(error: unknown): void }

function remember(requested: Set<string>, subject: string, present: Set<string>): void {
  if (!present.has(subject)) return
  if (requested.size >= REMEMBERED_RUNS) requested.delete(requested.values().next().value as string)
  requested.add(subject)
}
