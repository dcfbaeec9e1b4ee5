/** What scaling has to remember of one pool's jobs: since when each is idle, and which starts came to nothing. */
import type { RegistryView } from '#shared/bus/registry.ts'
import type { FailedStarts, PoolJob, PoolLoad } from './scale-pool.ts'
import type { Job } from './scheduler.ts'

/** A job that ends by itself sooner than this was a failed start, even if it was ready for a moment. */
const LIVED_MS = 10_000

type Known = { state: Job['state']; idleSince: number | undefined; ready: boolean; lived: boolean }

export class PoolMemory {
  failed: FailedStarts = { count: 0, lastAt: 0, reason: '' }
  /** Jobs that were asked to end. */
  readonly ending = new Set<string>()
  readonly #known = new Map<string, Known>()

  /** Takes in what the jobs are now; returns those that have ended since the last time. */
  learn(jobs: readonly Job[], registry: RegistryView, load: PoolLoad, now: number): Job[] {
    const gone: Job[] = []
    const present = new Set(jobs.map(({ id }) => id))
    for (const id of this.#known.keys()) if (!present.has(id)) this.#forget(id)
    for (const job of jobs) {
      const before = this.#known.get(job.id)
      if (job.state === 'ended') {
        if (before !== undefined && before.state !== 'ended') {
          this.#judge(job, before.ready, now)
          gone.push(job)
        }
        this.#known.set(job.id, { state: 'ended', idleSince: undefined, ready: false, lived: true })
        continue
      }
      const ready = before?.ready === true || isReady(registry, job.name)
      const idleSince = isIdle(registry, job.name, load, ready) ? (before?.idleSince ?? now) : undefined
      const lived = ready && job.startedAt !== undefined && now - job.startedAt > LIVED_MS
      if (lived && before?.lived !== true) this.failed = { count: 0, lastAt: 0, reason: '' }
      this.#known.set(job.id, { state: job.state, idleSince, ready, lived })
    }
    return gone
  }

  live(jobs: readonly Job[]): PoolJob[] {
    return jobs.flatMap((job) => {
      if (job.state === 'ended') return []
      const { id, state, submittedAt } = job
      return [
        { id, state, submittedAt, idleSince: this.#known.get(id)?.idleSince, ending: this.ending.has(id) },
      ]
    })
  }

  startFailed(reason: string, now: number): void {
    this.failed = { count: this.failed.count + 1, lastAt: now, reason }
  }

  #judge(job: Job, wasReady: boolean, now: number): void {
    if (this.ending.has(job.id) || job.how === 'cancelled' || job.how === 'walltime') return
    const lived = now - (job.startedAt ?? now)
    if (!wasReady || lived < LIVED_MS) this.startFailed(job.reason ?? job.how ?? 'ended', now)
  }

  #forget(id: string): void {
    this.#known.delete(id)
    this.ending.delete(id)
  }
}

function isReady({ actors, vqpus }: RegistryView, job: string): boolean {
  const entries = [...actors.values(), ...vqpus.values()]
  return entries.some((entry) => entry.job === job && entry.state === 'ready')
}

// How busy a vQPU is, it says itself; a worker's idleness shows only in an empty backlog.
function isIdle({ vqpus }: RegistryView, job: string, load: PoolLoad, ready: boolean): boolean {
  const device = [...vqpus.values()].find((entry) => entry.job === job)
  if (device !== undefined) return device.state === 'ready' && device.queued + device.running === 0
  return ready && load.waiting + load.running === 0
}
