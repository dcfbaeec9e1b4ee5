/** What is remembered of one allocation in hand, and what those who work on it are given. */
import type { Actor } from '#shared/actor/actor.ts'
import type { Publisher } from '#shared/bus/publisher.ts'
import type { RegistryWatch } from '#shared/bus/registry.ts'
import type { Cluster } from '#shared/cluster/cluster.ts'
import type { AllocationFacts, RunLog } from './allocation-step.ts'
import type { GuardedSubmit } from './guarded-submit.ts'
import type { JobBoard } from './job-board.ts'
import { inSeries, type JobSeries } from './job-name.ts'
import type { JobMaker } from './job-spec.ts'
import type { Lease } from './leases.ts'
import type { Scheduler } from './scheduler.ts'

export type AllocationTools = {
  actor: Actor
  cluster: Cluster
  /** Names the system: jobs of another on the same machine are not ours. */
  home: string
  scheduler: Scheduler
  board: JobBoard
  registry: RegistryWatch
  guard: GuardedSubmit
  maker: JobMaker
  publisher: Publisher
}

/** All that matters of it can be found out again. */
export type Allocation = {
  lease: Lease
  series: JobSeries
  log: RunLog | undefined
  readyJobs: Set<string>
  drainedJobs: Set<string>
  failedSubmits: AllocationFacts['failedSubmits']
  waitingFor: string
  busy: boolean
  gone: boolean
  stopListening(): void
}

/** What is known of it now. Notes, on the way, what the registry says about its jobs: entries fade. */
export function factsOf({ board, registry }: AllocationTools, allocation: Allocation): AllocationFacts {
  const { command } = allocation.lease
  const entry = registry.vqpus.get(command.device)
  const jobs = inSeries(allocation.series, board.jobs)
  const ours = jobs.some(({ job }) => job.name === entry?.job)
  if (entry?.job !== undefined && ours) {
    if (entry.state === 'ready' || entry.state === 'draining') allocation.readyJobs.add(entry.job)
    if (entry.state === 'ended') allocation.drainedJobs.add(entry.job)
  }
  return {
    now: Date.now(),
    shared: command.shared,
    walltimeSeconds: command.walltimeSeconds,
    log: allocation.log,
    jobs,
    deviceElsewhere:
      command.shared && !ours && entry?.state === 'ready' && board.find(entry.job ?? '')?.state === 'running',
    readyJobs: allocation.readyJobs,
    drainedJobs: allocation.drainedJobs,
    failedSubmits: allocation.failedSubmits,
  }
}
