/** How many jobs a pool should have now: a pure decision. */
import { msSince } from './ms-since.ts'

export type PoolPolicy = {
  minimumJobs: number
  maximumJobs: number
  loadPerJob: number
  idleHoldSeconds: number
}

export type PoolJob = {
  id: string
  state: 'pending' | 'running'
  submittedAt: number
  /** Unix milliseconds since when it has had nothing to do; undefined while it has, or when that is not known. */
  idleSince?: number | undefined
  /** It was asked to end: it takes nothing new. */
  ending: boolean
}

export type PoolLoad = {
  waiting: number
  running: number
  /** Others, no jobs of this pool, that take from the same queue. */
  helpers: number
}

/** Starts that came to nothing, one after the other. */
export type FailedStarts = { count: number; lastAt: number; reason: string }

export type ScaleDecision =
  | { start: number; why: string }
  | { stop: string[]; why: string }
  | { wait: true; why: string }

const COOL_DOWN_MS = 500
const MAX_COOL_DOWN_MS = 60_000

export function scalePool(
  load: PoolLoad,
  jobs: readonly PoolJob[],
  policy: PoolPolicy,
  failed: FailedStarts,
  now: number,
): ScaleDecision {
  const live = jobs.filter((job) => !job.ending)
  const wanted = wantedJobs(load, policy)
  if (live.length < wanted) {
    // One that is ending still has its place: a pool never has more jobs than its maximum.
    const places = policy.maximumJobs - jobs.length
    if (places <= 0) return { wait: true, why: 'jobs that end still hold every place' }
    const left = coolDownMs(failed) - msSince(failed.lastAt, now)
    if (left > 0)
      return {
        wait: true,
        why: `${failed.count} starts failed, the last one: ${failed.reason}; next try in ${Math.ceil(left / 1000)} s`,
      }
    const start = Math.min(wanted - live.length, places)
    return {
      start,
      why: `${load.waiting} waiting, ${load.running} running: ${wanted} jobs wanted, ${live.length} there`,
    }
  }
  const surplus = live.length - wanted
  if (surplus === 0) return { wait: true, why: 'as many jobs as wanted' }
  const stop = dispensable(live, policy, now).slice(0, surplus)
  if (stop.length === 0) return { wait: true, why: 'more jobs than wanted, none idle for long enough' }
  return { stop: stop.map(({ id }) => id), why: `${wanted} jobs wanted, ${live.length} there` }
}

/** How long to wait after so many failed starts in a row. */
export function coolDownMs({ count }: FailedStarts): number {
  return count === 0 ? 0 : Math.min(MAX_COOL_DOWN_MS, COOL_DOWN_MS * 2 ** (count - 1))
}

function wantedJobs({ waiting, running, helpers }: PoolLoad, policy: PoolPolicy): number {
  const forLoad = Math.ceil((waiting + running) / policy.loadPerJob) - helpers
  return Math.max(policy.minimumJobs, Math.min(policy.maximumJobs, forLoad))
}

// What has not started costs nothing to give back; then the longest idle. A job that may be busy is left alone,
// unless there are more jobs than the pool may have.
function dispensable(live: readonly PoolJob[], policy: PoolPolicy, now: number): PoolJob[] {
  const tooMany = live.length > policy.maximumJobs
  const mayGo = (job: PoolJob): boolean => {
    const since = job.state === 'pending' ? job.submittedAt : job.idleSince
    return tooMany || (since !== undefined && msSince(since, now) >= policy.idleHoldSeconds * 1000)
  }
  const rank = (job: PoolJob): number =>
    job.state === 'pending' ? -1 : (job.idleSince ?? Number.MAX_SAFE_INTEGER)
  const candidates = live.filter(mayGo).sort((a, b) => rank(a) - rank(b))
  return tooMany ? candidates.slice(0, live.length - policy.maximumJobs) : candidates
}
