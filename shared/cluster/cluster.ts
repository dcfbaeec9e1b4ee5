/** What a cluster file says, whatever its form: named pools, what each one starts, and how many jobs it may have. */

/** What a job of a pool is. A `submitter` pool is only named here: `qubus up` starts it, not the allocator. */
export type PoolStarts =
  | { kind: 'worker'; serves: readonly string[] }
  | { kind: 'vqpu'; engine: string }
  | { kind: 'submitter' }

/** What Slurm is told of a pool's jobs, besides cores, memory and walltime. */
export type SlurmJobs = {
  partition?: string | undefined
  account?: string | undefined
  /** CPUs to ask for, where that is not the pool's `cores`. */
  jobCpu?: number | undefined
  /** Memory to ask for as Slurm writes it (`230G`), where that is not the pool's memory. */
  jobMemory?: string | undefined
  /** Directives besides ours, each a whole option: `--gres=gpu:1`. */
  directives: readonly string[]
  /** Of our directives, those that contain one of these texts are left out. */
  skippedDirectives: readonly string[]
  /** Shell lines that run before the actor does, as they stand in the file. */
  prologue: readonly string[]
  shebang: string
  /** Where jobs' logs go; none = a folder of the home. */
  logDirectory?: string | undefined
  /** On the node, for what tasks leave for a while. */
  localDirectory?: string | undefined
}

export type Pool = {
  name: string
  starts: PoolStarts
  scheduler: 'local' | 'slurm'
  /** With `slurm`. */
  slurm?: SlurmJobs | undefined
  /** CPU cores of one job. */
  cores: number
  /** Tasks, or circuits, that one job runs at once. */
  slots: number
  memoryBytes?: number | undefined
  /** Of one job; `auto`: all that it finds and no other job has. */
  gpus: number | 'auto'
  minimumJobs: number
  maximumJobs: number
  /** A job is wanted for every so many commands waiting or running. */
  loadPerJob: number
  /** A job that has had nothing to do for so long is ended, down to `minimumJobs`. */
  idleHoldSeconds: number
  /** How long one job may live; none = for ever. */
  walltimeSeconds?: number | undefined
}

export type Cluster = {
  /** Where it was read from. */
  file: string
  pools: ReadonlyMap<string, Pool>
}

/** Task pools that have somebody to run them: what a task's `pool` may be. */
export function taskPools(cluster: Cluster): string[] {
  return [...cluster.pools.values()].flatMap(({ starts }) => (starts.kind === 'worker' ? starts.serves : []))
}

/** Names that every system has: a flow may count on them. */
export const REQUIRED_POOLS = ['generic', 'cpu', 'gpu', 'vqpu', 'circuit'] as const
