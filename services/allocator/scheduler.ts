/** What the allocator asks of whatever gives it nodes: local processes here, a batch system elsewhere. */

export type JobSpec = {
  /**
   * Carries the identity of what the job is for, and is never used for anything else. A job of this name that exists,
   * in whatever state, is what a second submit gives back.
   */
  name: string
  pool: string
  kind: 'worker' | 'vqpu'
  /** The actor's file and its flags, for node. Nothing secret: every user of the machine can read it. */
  argv: readonly string[]
  /** All of the job's environment; nothing is inherited. */
  environment: Readonly<Record<string, string>>
  cores: number
  memoryBytes?: number | undefined
  /** `auto`: all that no other job has; undefined: it does not matter. */
  gpus?: number | 'auto' | undefined
  /** The job is ended after so long. */
  walltimeSeconds?: number | undefined
}

/** The scheduler's own name of one job. */
export type JobId = string

export type JobState = 'pending' | 'running' | 'ended'

export type Job = {
  id: JobId
  name: string
  pool: string
  state: JobState
  /** How it ended: `orderly` only where that is known. */
  how?: 'orderly' | 'failed' | 'signalled' | 'vanished' | 'walltime' | 'cancelled' | undefined
  /** In words: why it waits, or how it ended. */
  reason?: string | undefined
  node?: string | undefined
  pid?: number | undefined
  /** Unix milliseconds. */
  submittedAt: number
  startedAt?: number | undefined
  endedAt?: number | undefined
}

export type CancelOptions = {
  /** From the polite request to the forced end. */
  graceSeconds: number
  signal?: AbortSignal | undefined
}

export type Scheduler = AsyncDisposable & {
  /** How long from one look at {@link Scheduler.jobs} to the next; it may change. */
  readonly pollSeconds: number
  /**
   * Idempotent by `spec.name`.
   * @throws QubusError `ALLOCATION_REFUSED` when asking again can't help, `ALLOCATION_FAILED` when it may.
   */
  submit(spec: JobSpec, signal?: AbortSignal): Promise<JobId>
  /** Every job that is pending or running, and those ended ones that were not forgotten. An ended job has left nothing running. */
  jobs(signal?: AbortSignal): Promise<Job[]>
  /** Ends a job; resolves when it is over, or was over. */
  cancel(id: JobId, options: CancelOptions): Promise<void>
  /** The conclusions from an ended job are drawn: what was kept about it may go. */
  forget(id: JobId): Promise<void>
  /** The last of what the job printed, for a person to read. */
  tail(id: JobId, bytes: number): Promise<string>
  /** An actor of a job came or went: what is known of the jobs may be out of date. */
  expectNews(): void
  /** Calls back when a look at {@link Scheduler.jobs} is worth while at once. */
  onChange(callback: () => void): void
}
