/**
 * Jobs of Slurm. A file each, on a file system that all allocators of the system share, says which of Slurm's jobs has a
 * name of ours; a name without a number is looked for in the queue before anything is submitted under it.
 */
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { SlurmJobs } from '#shared/cluster/cluster.ts'
import { codeOf, QubusError } from '#shared/contract/errors.ts'
import { identify, isAlive, type ProcessIdentity } from '#shared/process/identity.ts'
import { NODE_FLAGS } from '#shared/process/node-flags.ts'
import type { JobEnd } from '../claimed-files.ts'
import { tailJobLog } from '../local/job-log.ts'
import type { CancelOptions, Job, JobId, JobSpec, Scheduler } from '../scheduler.ts'
import { jobScript } from './job-script.ts'
import { type Look, lookAtJob } from './look-at-job.ts'
import type { QueueEntry } from './queue-line.ts'
import type { SlurmCommands } from './slurm-commands.ts'
import {
  type Known,
  type Place,
  placed,
  type SlurmJobFile,
  type SlurmJobFiles,
  slurmJobFiles,
  toJob,
} from './slurm-job-file.ts'

export type SlurmOptions = {
  /** Where the files go, in its folder `jobs/slurm`. */
  home: string
  /** What the pools want, by name. */
  pools: ReadonlyMap<string, SlurmJobs>
  commands: SlurmCommands
}

/** A centre wants to be asked seldom: often only while something is about to happen to a job. */
const POLL_SECONDS = { busy: 1, waiting: 10, calm: 30 }
/** After a submission, a job may start. */
const STARTING_MS = 30_000
/** After an actor went, Slurm takes its time to call the job over: it may be completing for some seconds. */
const NEWS_MS = 10_000
const ENDING_LOOK_MS = 500
const SLACK_MS = 100

export class SlurmScheduler implements Scheduler {
  readonly #files: SlurmJobFiles
  readonly #pools: ReadonlyMap<string, SlurmJobs>
  readonly #commands: SlurmCommands
  readonly #self = identify(process.pid) as ProcessIdentity
  /** What the last look said of those that have not ended. */
  readonly #known = new Map<string, Known>()
  readonly #missingSince = new Map<string, number>()
  readonly #submitting = new Set<string>()
  readonly #callbacks = new Set<() => void>()
  #looking: Promise<void> | undefined
  #ending = 0
  /** Something is about to happen until then. */
  #busyUntil = Number.NEGATIVE_INFINITY
  #lookedAt = Number.NEGATIVE_INFINITY
  #nextLookAt = Number.NEGATIVE_INFINITY

  constructor({ home, pools, commands }: SlurmOptions) {
    this.#files = slurmJobFiles(home)
    this.#pools = pools
    this.#commands = commands
  }

  get pollSeconds(): number {
    if (this.#ending > 0 || performance.now() < this.#busyUntil) return POLL_SECONDS.busy
    const waiting = [...this.#known.values()].some(({ state }) => state === 'pending')
    return waiting ? POLL_SECONDS.waiting : POLL_SECONDS.calm
  }

  onChange(callback: () => void): void {
    this.#callbacks.add(callback)
  }

  expectNews(): void {
    this.#lookOftenFor(NEWS_MS)
    this.#ring()
  }

  async submit(spec: JobSpec, signal?: AbortSignal): Promise<JobId> {
    signal?.throwIfAborted()
    const slurm = this.#pools.get(spec.pool)
    if (slurm === undefined)
      throw new QubusError('ALLOCATION_REFUSED', `pool ${spec.pool} has no jobs on Slurm in the cluster file`)
    const { name } = spec
    const log =
      slurm.logDirectory === undefined ? this.#files.logOf(name) : join(slurm.logDirectory, `${name}.log`)
    const script = jobScript(spec, slurm, { node: [process.execPath, ...NODE_FLAGS], log })
    const now = Date.now()
    const claim = { name, pool: spec.pool, claimedBy: this.#self, claimedAt: now, submittedAt: now, log }
    if (this.#submitting.has(name)) return name
    this.#submitting.add(name)
    try {
      if (!this.#files.claim(claim) && !(await this.#reclaim(name))) return name
      await this.#send(name, script, signal)
    } finally {
      this.#submitting.delete(name)
    }
    this.#lookOftenFor(STARTING_MS)
    this.#ring()
    return name
  }

  async jobs(): Promise<Job[]> {
    if (performance.now() >= this.#nextLookAt) await this.#look()
    return this.#files.all().map((file) => toJob(file, this.#known.get(file.name)))
  }

  async cancel(name: JobId, { graceSeconds, signal }: CancelOptions): Promise<void> {
    this.#files.update(name, (job) => (job.ended || job.ending ? job : { ...job, ending: 'cancelled' }))
    const forceAt = performance.now() + graceSeconds * 1000
    let told: 'politely' | 'by force' | undefined
    this.#ending++
    try {
      while (!signal?.aborted) {
        await this.#look()
        const job = this.#files.read(name)
        if (job === undefined || job.ended) return
        const force = this.#known.get(name)?.state !== 'running' || performance.now() > forceAt
        if (job.id !== undefined && told !== 'by force' && (force || told === undefined)) {
          await this.#commands.cancel(job.id, force ? undefined : 'TERM')
          told = force ? 'by force' : 'politely'
        }
        await pause(ENDING_LOOK_MS)
      }
    } finally {
      this.#ending--
      this.#ring()
    }
  }

  async forget(name: JobId): Promise<void> {
    if (this.#files.read(name)?.ended) this.#files.remove(name)
  }

  async tail(name: JobId, bytes: number): Promise<string> {
    const job = this.#files.read(name)
    return job === undefined ? '' : tailJobLog(job.log, bytes)
  }

  /** Whether the name is one of ours. */
  knows(name: JobId): boolean {
    return this.#files.read(name) !== undefined
  }

  /** Lets go of the jobs; they go on. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#callbacks.clear()
    await this.#looking?.catch(() => {})
  }

  /** Whether a name that is claimed, and has no job, is ours to submit under now. */
  async #reclaim(name: string): Promise<boolean> {
    await this.#look()
    const job = this.#files.read(name)
    if (job === undefined || job.id !== undefined || job.ended) return false
    if (!isOf(job, this.#self) && isAlive(job.claimedBy)) return false
    this.#files.update(name, (now) => ({ ...now, claimedBy: this.#self, claimedAt: Date.now() }))
    return true
  }

  async #send(name: string, script: string, signal: AbortSignal | undefined): Promise<void> {
    try {
      const id = await this.#commands.submit(script, signal)
      this.#files.update(name, (job) => ({ ...job, id, submittedAt: Date.now() }))
    } catch (error) {
      // After any other failure Slurm may have taken it: the name stays claimed, and is looked for first.
      if (codeOf(error) === 'ALLOCATION_REFUSED') this.#files.remove(name)
      throw error
    }
  }

  /** One question for all jobs, and for all who want to know now. */
  #look(): Promise<void> {
    this.#looking ??= this.#lookNow().finally(() => {
      this.#looking = undefined
      this.#lookedAt = performance.now()
      // A little sooner than the next question of who asks just as often.
      this.#nextLookAt = this.#lookedAt + this.pollSeconds * 1000 - SLACK_MS
    })
    return this.#looking
  }

  async #lookNow(): Promise<void> {
    const files = this.#files.all().filter(({ ended }) => ended === undefined)
    if (files.length === 0) return
    const entries = await this.#commands.queue()
    for (const file of files) await this.#conclude(file, entries)
  }

  async #conclude(file: SlurmJobFile, queue: readonly QueueEntry[]): Promise<void> {
    const { name } = file
    const entries = queue.filter((entry) => entry.id === file.id || entry.name === name)
    const missingSince = this.#missingSince.get(name)
    const claimed = isOf(file, this.#self) ? this.#submitting.has(name) : isAlive(file.claimedBy)
    const look = lookAtJob({ file, entries, claimed, missingSince, now: Date.now() })
    if (look.is === 'unclear') this.#missingSince.set(name, missingSince ?? Date.now())
    else this.#missingSince.delete(name)
    await this.#act(file, look)
    // Two of one name: the allocator that submitted the first one died over it. The second one has no work yet.
    for (const { id, state } of entries)
      if (id !== (this.#files.read(name)?.id ?? id) && /^(PENDING|RUNNING|CONFIGURING)/.test(state))
        await this.#commands.cancel(id)
  }

  async #act({ name, id }: SlurmJobFile, look: Look): Promise<void> {
    if (look.is === 'found') {
      this.#files.update(name, (job) => (job.id === undefined ? { ...job, id: look.id } : job))
      this.#known.set(name, { state: 'pending' })
    } else if (look.is === 'pending') this.#known.set(name, { state: 'pending', reason: look.reason })
    else if (look.is === 'running') {
      this.#known.set(name, { state: 'running' })
      this.#files.update(name, (job) => placed(job, look))
    } else if (look.is === 'stuck') {
      if (id !== undefined) await this.#commands.cancel(id)
      this.#settle(name, { at: Date.now(), how: 'failed', reason: look.reason })
    } else if (look.is === 'ended') this.#settle(name, look.ended, look)
  }

  #settle(name: string, ended: JobEnd, at: Partial<Place> = {}): void {
    this.#known.delete(name)
    this.#files.update(name, (job) => (job.ended ? job : { ...placed(job, at), ended }))
  }

  #lookOftenFor(ms: number): void {
    this.#busyUntil = Math.max(this.#busyUntil, performance.now() + ms)
    this.#nextLookAt = Math.min(this.#nextLookAt, this.#lookedAt + POLL_SECONDS.busy * 1000)
  }

  #ring(): void {
    for (const callback of this.#callbacks) callback()
  }
}

function isOf({ claimedBy }: SlurmJobFile, self: ProcessIdentity): boolean {
  return claimedBy.pid === self.pid && claimedBy.start === self.start && claimedBy.boot === self.boot
}
