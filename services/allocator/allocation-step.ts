/**
 * What to do next for one explicit allocation: a pure decision from what is known now. Whoever acts on it may die
 * in between, or be two: the same facts give the same step, and each step does no harm when it is done twice.
 */
import { msSince } from './ms-since.ts'
import type { Job } from './scheduler.ts'

export type AllocationFacts = {
  now: number
  shared: boolean
  walltimeSeconds: number
  /** What the run's log says; undefined until it was read. */
  log: RunLog | undefined
  /** The jobs of this allocation, oldest first, each with its generation. */
  jobs: readonly { generation: number; job: Job }[]
  /** The device is another job's, and that job runs: a shared vQPU that was launched before. */
  deviceElsewhere: boolean
  /** Names of jobs of this allocation whose host said that it was ready. */
  readyJobs: ReadonlySet<string>
  /** Names of jobs whose host said that it has ended, of its own will. */
  drainedJobs: ReadonlySet<string>
  /** Submissions that the scheduler refused or that failed, in a row. */
  failedSubmits: { count: number; lastAt: number; reason: string; final: boolean }
}

export type RunLog = {
  requested: boolean
  cancelled: boolean
  completed: boolean
  outcome: 'completed' | 'failed' | 'cancelled' | undefined
  /** This attempt is recorded as failed. */
  attemptFailed: boolean
}

export type AllocationStep =
  | { do: 'wait'; why: string; untilMs?: number }
  | { do: 'submit'; generation: number; walltimeSeconds: number; why: string }
  | { do: 'give-up-job'; job: Job; why: string }
  | { do: 'record-ready'; job: Job | undefined; why: string }
  /** End what runs, write the failure if there is one, clean up, ack. */
  | {
      do: 'finish'
      why: string
      failure?: { code: 'ALLOCATION_FAILED' | 'ALLOCATION_REFUSED'; job?: Job | undefined }
    }

/** Launches after the first one, each a little later than the one before. */
export const RELAUNCHES = 5
const DELAY_MS = 1_000
/** A host that runs so long without being ready never will be. */
const LAUNCH_TIMEOUT_MS = 600_000

export function nextStep(facts: AllocationFacts): AllocationStep {
  const { log } = facts
  if (log === undefined) return { do: 'wait', why: "the run's log has not been read yet" }
  const over = whyOver(facts, log)
  if (over !== undefined) return { do: 'finish', why: over }
  const launched = log.outcome === 'completed'
  if (facts.deviceElsewhere)
    return launched
      ? { do: 'finish', why: 'it lives on in another job' }
      : { do: 'record-ready', job: undefined, why: 'it was launched before' }
  const endsAt = walltimeEnd(facts)
  if (facts.now >= endsAt) return giveUp(facts, launched, 'its walltime is over')
  const newest = facts.jobs.at(-1)
  if (newest === undefined) return submit(facts, launched, 1, 0, 'asked for')
  return newest.job.state === 'ended'
    ? afterEnd(facts, launched, newest)
    : whileAlive(facts, launched, newest.job)
}

function whyOver(facts: AllocationFacts, log: RunLog): string | undefined {
  if (!log.requested) return 'its run is not known'
  if (log.attemptFailed) return 'its attempt failed'
  if (log.outcome === 'failed' || log.outcome === 'cancelled') return `its step is ${log.outcome}`
  // A shared vQPU outlives the run that asked for it, once it is ready; not before.
  if (facts.shared && log.outcome === 'completed') return undefined
  if (log.cancelled) return 'its run is cancelled'
  return log.completed ? 'its run is over' : undefined
}

function whileAlive(facts: AllocationFacts, launched: boolean, job: Job): AllocationStep {
  if (!facts.readyJobs.has(job.name)) {
    if (job.startedAt !== undefined && facts.now - job.startedAt > LAUNCH_TIMEOUT_MS)
      return { do: 'give-up-job', job, why: 'not ready in time' }
    return {
      do: 'wait',
      why: job.state === 'pending' ? (job.reason ?? 'the job is pending') : 'the host is starting',
    }
  }
  return launched ? { do: 'wait', why: 'ready' } : { do: 'record-ready', job, why: 'ready' }
}

function afterEnd(
  facts: AllocationFacts,
  launched: boolean,
  { generation, job }: { generation: number; job: Job },
): AllocationStep {
  const ended = job.reason ?? job.how ?? 'the job ended'
  const wasReady = facts.readyJobs.has(job.name)
  const byItself = job.how === 'orderly' || (facts.drainedJobs.has(job.name) && job.how !== 'failed')
  if ((wasReady || launched) && byItself) return giveUp(facts, launched, `the host ended: ${ended}`)
  const failed = failedInARow(facts)
  if (failed > RELAUNCHES)
    return giveUp(facts, launched, `${failed} launches failed, the last one: ${ended}`, job)
  const sinceEnd = msSince(job.endedAt ?? facts.now, facts.now)
  const dueAt = failed === 0 ? 0 : facts.now - sinceEnd + DELAY_MS * failed
  return submit(
    facts,
    launched,
    generation + 1,
    dueAt,
    wasReady ? `the job was lost: ${ended}` : `the launch failed: ${ended}`,
  )
}

function submit(
  facts: AllocationFacts,
  launched: boolean,
  generation: number,
  jobDueAt: number,
  why: string,
): AllocationStep {
  const { count, lastAt, reason, final } = facts.failedSubmits
  if (final || count > RELAUNCHES) {
    const failure = final ? 'ALLOCATION_REFUSED' : 'ALLOCATION_FAILED'
    return { do: 'finish', why: reason, ...(launched ? {} : { failure: { code: failure } }) }
  }
  const submitDueAt =
    lastAt === 0 ? 0 : facts.now - msSince(lastAt, facts.now) + DELAY_MS * Math.max(1, count)
  const dueAt = Math.max(jobDueAt, submitDueAt)
  if (dueAt > facts.now) return { do: 'wait', why: lastAt > 0 ? reason : why, untilMs: dueAt }
  return {
    do: 'submit',
    generation,
    walltimeSeconds: Math.max(1, Math.ceil((walltimeEnd(facts) - facts.now) / 1000)),
    why,
  }
}

// A launch that was announced can't fail any more: it is over.
function giveUp(
  facts: AllocationFacts,
  launched: boolean,
  why: string,
  job: Job | undefined = facts.jobs.at(-1)?.job,
): AllocationStep {
  return launched ? { do: 'finish', why } : { do: 'finish', why, failure: { code: 'ALLOCATION_FAILED', job } }
}

/** Newest jobs that ended without ever being ready. */
function failedInARow({ jobs, readyJobs }: AllocationFacts): number {
  let count = 0
  for (const { job } of jobs.toReversed()) {
    if (readyJobs.has(job.name)) break
    count++
  }
  return count
}

// From the first start: a replacement gets what is left.
function walltimeEnd({ jobs, walltimeSeconds, now }: AllocationFacts): number {
  const firstStart = jobs.find(({ job }) => job.startedAt !== undefined)?.job.startedAt
  return (firstStart ?? now) + walltimeSeconds * 1000
}
