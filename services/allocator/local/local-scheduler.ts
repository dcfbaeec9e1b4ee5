/** Jobs as processes of this machine. They outlive the allocator; a file each says which process they are. */
import { hostname } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import { leaderWith } from '#shared/process/find.ts'
import { identify, isAlive, type ProcessIdentity, signalExactly } from '#shared/process/identity.ts'
import type { JobEnd } from '../claimed-files.ts'
import { msSince } from '../ms-since.ts'
import type { CancelOptions, Job, JobId, JobSpec, Scheduler } from '../scheduler.ts'
import { shareGpus } from './gpu-shares.ts'
import { type JobFile, type JobFiles, jobFiles } from './job-file.ts'
import { rotateJobLog, tailJobLog } from './job-log.ts'
import { type JobExit, startJob } from './start-job.ts'
import { JOB_VARIABLE, sweepOrphans } from './sweep-orphans.ts'

/** A claim whose claimer died: its process is looked for so long, then the start counts as never made. */
const CLAIM_GRACE_MS = 2_000
const WALLTIME_GRACE_SECONDS = 10
const ABANDONED_END_MS = 60_000

export class LocalScheduler implements Scheduler {
  readonly pollSeconds = 1
  readonly #files: JobFiles
  readonly #self = identify(process.pid) as ProcessIdentity
  /** Jobs that this process started: their end comes with an exit code. */
  readonly #children = new Set<string>()
  readonly #settling = new Map<string, Promise<void>>()
  readonly #terminating = new Map<string, Promise<void>>()
  #sharing: Promise<unknown> = Promise.resolve()
  readonly #callbacks = new Set<() => void>()

  /** @param home where the files go, in its folder `jobs`. */
  constructor(home: string) {
    this.#files = jobFiles(home)
  }

  onChange(callback: () => void): void {
    this.#callbacks.add(callback)
  }

  expectNews(): void {
    this.#ring()
  }

  async submit(spec: JobSpec, signal?: AbortSignal): Promise<JobId> {
    signal?.throwIfAborted()
    const { name, pool, kind, walltimeSeconds } = spec
    const claim: JobFile = { name, pool, kind, claimedBy: this.#self, submittedAt: Date.now() }
    if (!this.#files.claim(walltimeSeconds === undefined ? claim : { ...claim, walltimeSeconds })) return name
    this.#children.add(name)
    try {
      const gpus = spec.gpus === undefined ? undefined : await this.#gpusFor(spec)
      const environment = { ...spec.environment, ...gpus }
      const process = await startJob({ ...spec, environment }, this.#files.logOf(name), (exit) =>
        this.#childEnded(name, exit),
      )
      this.#files.update(name, (job) => ({ ...job, process, startedAt: Date.now() }))
    } catch (error) {
      // Nothing was started, so the name is free again.
      this.#children.delete(name)
      this.#files.remove(name)
      throw error
    }
    this.#ring()
    return name
  }

  async jobs(): Promise<Job[]> {
    return this.#files.all().map((job) => toJob(this.#look(job)))
  }

  async cancel(id: JobId, { graceSeconds, signal }: CancelOptions): Promise<void> {
    this.#terminate(id, 'cancelled', graceSeconds)
    while (!signal?.aborted) {
      const job = this.#files.read(id)
      if (job === undefined || this.#look(job).ended) return
      await pause(25)
    }
  }

  async forget(id: JobId): Promise<void> {
    if (this.#files.read(id)?.ended) this.#files.remove(id)
  }

  async tail(id: JobId, bytes: number): Promise<string> {
    return tailJobLog(this.#files.logOf(id), bytes)
  }

  /** Lets go of the jobs; they go on. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#callbacks.clear()
    await Promise.all(this.#settling.values())
  }

  // One after the other: what one gets, the next one finds taken.
  #gpusFor(spec: JobSpec): Promise<Record<string, string> | undefined> {
    const shared = this.#sharing.then(async () => {
      const share = await shareGpus(spec, this.#files.all())
      if (share) this.#files.update(spec.name, (job) => ({ ...job, gpus: share.gpus }))
      return share?.environment
    })
    this.#sharing = shared.catch(() => {})
    return shared
  }

  /** Compares what the file says with what runs, and draws the conclusions. */
  #look(job: JobFile): JobFile {
    if (job.ended) return job
    if (job.process === undefined) return this.#lookForProcess(job)
    if (!isAlive(job.process)) {
      // Of our own child the exit event knows more, and comes in a moment.
      if (!this.#children.has(job.name)) this.#settle(job.name, vanished(job, 'its process is gone'))
      return job
    }
    rotateJobLog(this.#files.logOf(job.name))
    if (isOverdue(job)) this.#terminate(job.name, 'walltime', WALLTIME_GRACE_SECONDS)
    return job
  }

  // Claimed, and not yet said which process it is: somebody is at it, or died between the two.
  #lookForProcess(job: JobFile): JobFile {
    if (isAlive(job.claimedBy)) return job
    const process = leaderWith(JOB_VARIABLE, job.name)
    if (process !== undefined)
      return (
        this.#files.update(job.name, (now) => ({
          ...now,
          process,
          startedAt: now.startedAt ?? now.submittedAt,
        })) ?? job
      )
    if (msSince(job.submittedAt, Date.now()) > CLAIM_GRACE_MS)
      this.#settle(job.name, vanished(job, 'the allocator that claimed it died before it started it'))
    return job
  }

  #childEnded(name: string, exit: JobExit): void {
    const ending = this.#files.read(name)?.ending
    const reason = exit.signal ? `ended by ${exit.signal}` : `ended with exit code ${exit.code}`
    const how = ending ?? (exit.signal ? 'signalled' : exit.code === 0 ? 'orderly' : 'failed')
    this.#settle(name, {
      at: Date.now(),
      how,
      reason: ending === 'walltime' ? `its walltime was over; ${reason}` : reason,
    })
  }

  /** A job counts as ended only when nothing of it runs any more: its successor must not run beside it. */
  #settle(name: string, ended: JobEnd): void {
    if (this.#settling.has(name)) return
    const settled = (async () => {
      await sweepOrphans(name)
      this.#files.update(name, (job) => (job.ended ? job : { ...job, ended }))
      this.#children.delete(name)
    })().finally(() => {
      this.#settling.delete(name)
      this.#ring()
    })
    this.#settling.set(name, settled)
  }

  #terminate(name: string, why: 'walltime' | 'cancelled', graceSeconds: number): void {
    if (this.#terminating.has(name)) return
    const before = this.#files.read(name)
    if (before === undefined || before.ended) return
    if (!before.ending) this.#files.update(name, (job) => ({ ...job, ending: why, endingAt: Date.now() }))
    // A second polite signal would be taken for impatience: one that somebody asked already is only waited for.
    const over = this.#endProcess(name, graceSeconds, before.ending !== undefined).finally(() =>
      this.#terminating.delete(name),
    )
    this.#terminating.set(name, over)
  }

  // The polite signal goes to the actor alone: in its group may be an engine that it needs to finish.
  async #endProcess(name: string, graceSeconds: number, asked: boolean): Promise<void> {
    const until = performance.now() + graceSeconds * 1000
    for (; performance.now() < until; await pause(25)) {
      const job = this.#files.read(name)
      if (job === undefined || job.ended) return
      if (job.process === undefined || asked) continue
      if (!isAlive(job.process)) return
      signalExactly(job.process, 'SIGTERM', 'process')
      asked = true
    }
    const leader = this.#files.read(name)?.process
    if (leader !== undefined) signalExactly(leader, 'SIGKILL', 'group')
  }

  #ring(): void {
    for (const callback of this.#callbacks) callback()
  }
}

// What another allocator began to end, and died over, is ended too.
function isOverdue(job: JobFile): boolean {
  if (job.endingAt !== undefined) return msSince(job.endingAt, Date.now()) > ABANDONED_END_MS
  return (
    job.walltimeSeconds !== undefined &&
    Date.now() > (job.startedAt ?? job.submittedAt) + job.walltimeSeconds * 1000
  )
}

function vanished(job: JobFile, reason: string): JobEnd {
  return { at: Date.now(), how: job.ending ?? 'vanished', reason }
}

function toJob(job: JobFile): Job {
  return {
    id: job.name,
    name: job.name,
    pool: job.pool,
    state: job.ended ? 'ended' : job.process ? 'running' : 'pending',
    how: job.ended?.how,
    reason: job.ended?.reason,
    node: hostname(),
    pid: job.ended ? undefined : job.process?.pid,
    submittedAt: job.submittedAt,
    startedAt: job.startedAt,
    endedAt: job.ended?.at,
  }
}
