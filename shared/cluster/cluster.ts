/** What a cluster file says, whatever its form: named pools, what each one starts, and how many jobs it may have. */

/** What a job of a pool is. A `submitter` pool is only named here: `qubus up` starts it, not the allocator. */
export type PoolStarts =
  | { kind: 'worker'; serves: readonly string[] }
  | { kind: 'vqpu'; engine: string }
  | { kind: 'submitter' }

export type Pool = {
  name: string
  starts: PoolStarts
  scheduler: 'local'
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
