/** What one look at the queue says of a job that we know: a pure decision. */
import type { JobEnd } from '../claimed-files.ts'
import { msSince } from '../ms-since.ts'
import { isAbandoned, isHeld, meaningOf } from './job-state.ts'
import type { QueueEntry } from './queue-line.ts'
import type { SlurmJobFile } from './slurm-job-file.ts'

export type Look =
  | { is: 'pending'; reason: string | undefined }
  | { is: 'running'; startedAt: number; node: string | undefined }
  /** Slurm gave it a number that we did not hear of. */
  | { is: 'found'; id: string }
  /** It was never submitted, or is not known any more: too early to say. */
  | { is: 'unclear' }
  /** It waits for a person who will never come: to be taken away. */
  | { is: 'stuck'; reason: string }
  | { is: 'ended'; ended: JobEnd; startedAt?: number | undefined; node?: string | undefined }

export type LookFacts = {
  file: SlurmJobFile
  /** All that the queue has under our job's number or name, oldest first. */
  entries: readonly QueueEntry[]
  /** Whoever claimed the name is still at it. */
  claimed: boolean
  /** Since when looks did not show it, in Unix milliseconds; undefined when the last one did. */
  missingSince: number | undefined
  now: number
}

/** How long a claim without a number may be on its way to Slurm. */
const CLAIM_GRACE_MS = 15_000
/** One empty answer says nothing: a controller that was just started may not know its jobs yet. */
const MISSING_MS = 60_000

export function lookAtJob({ file, entries, claimed, missingSince, now }: LookFacts): Look {
  if (file.id === undefined) {
    const [found] = entries.filter(({ name }) => name === file.name)
    if (found !== undefined) return { is: 'found', id: found.id }
    if (claimed || msSince(file.claimedAt, now) < CLAIM_GRACE_MS) return { is: 'unclear' }
    return over(
      now,
      file.ending ?? 'vanished',
      'it was never submitted: the allocator that was to do so died',
    )
  }
  // A number is used again some day: by a job of another name.
  const entry = entries.find(({ id, name }) => id === file.id && name === file.name)
  if (entry === undefined) {
    if (missingSince === undefined || msSince(missingSince, now) < MISSING_MS) return { is: 'unclear' }
    return over(now, file.ending ?? 'vanished', `Slurm does not know job ${file.id} any more`)
  }
  const meaning = meaningOf(entry.state)
  // One that was quick was never seen while it ran.
  const { startedAt, node } = entry
  if (meaning.state === 'ended')
    return { ...over(now, howOf(file, meaning.how), wordsOf(entry)), startedAt, node }
  if (meaning.state === 'running')
    return { is: 'running', startedAt: entry.startedAt ?? file.startedAt ?? now, node: entry.node }
  if (isAbandoned(entry.reason)) return { is: 'stuck', reason: wordsOf(entry) }
  return { is: 'pending', reason: isHeld(entry.reason) ? `held: ${entry.reason}` : entry.reason }
}

// What we end ourselves ends in various ways: as it likes after our signal, or by Slurm's.
function howOf(file: SlurmJobFile, how: JobEnd['how']): JobEnd['how'] {
  return file.ending !== undefined && how !== 'walltime' ? file.ending : how
}

function wordsOf({ id, state, reason, node }: QueueEntry): string {
  const where = node === undefined ? '' : ` on ${node}`
  return `Slurm job ${id}${where}: ${state}${reason === undefined ? '' : ` (${reason})`}`
}

function over(at: number, how: JobEnd['how'], reason: string): Look & { is: 'ended' } {
  return { is: 'ended', ended: { at, how, reason } }
}
