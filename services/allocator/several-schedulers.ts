/** Pools of one cluster may run their jobs in different places: each job goes where its pool's do. */
import type { Cluster } from '#shared/cluster/cluster.ts'
import { LocalScheduler } from './local/local-scheduler.ts'
import type { Scheduler } from './scheduler.ts'
import { slurmCommands } from './slurm/slurm-commands.ts'
import { SlurmScheduler } from './slurm/slurm-scheduler.ts'

/**
 * What the cluster's pools need, no more.
 * @param environment Slurm's commands have it, but for what of it is about their own output.
 */
export function schedulerFor(
  cluster: Cluster,
  home: string,
  environment: Readonly<Record<string, string>>,
): Scheduler {
  const pools = [...cluster.pools.values()]
  const slurm = new Map(
    pools.flatMap(({ name, slurm }) => (slurm === undefined ? [] : [[name, slurm] as const])),
  )
  const local = new LocalScheduler(home)
  if (slurm.size === 0) return local
  const commands = slurmCommands(environment)
  return severalSchedulers(local, new SlurmScheduler({ home, pools: slurm, commands }), (pool) =>
    slurm.has(pool),
  )
}

function severalSchedulers(
  local: LocalScheduler,
  slurm: SlurmScheduler,
  isSlurm: (pool: string) => boolean,
): Scheduler {
  const holder = (id: string): Scheduler => (slurm.knows(id) ? slurm : local)
  return {
    get pollSeconds() {
      return Math.min(local.pollSeconds, slurm.pollSeconds)
    },
    submit: (spec, signal) => (isSlurm(spec.pool) ? slurm : local).submit(spec, signal),
    async jobs(signal) {
      const [here, there] = await Promise.all([local.jobs(), slurm.jobs()])
      signal?.throwIfAborted()
      return [...here, ...there]
    },
    cancel: (id, options) => holder(id).cancel(id, options),
    forget: (id) => holder(id).forget(id),
    tail: (id, bytes) => holder(id).tail(id, bytes),
    expectNews() {
      local.expectNews()
      slurm.expectNews()
    },
    onChange(callback) {
      local.onChange(callback)
      slurm.onChange(callback)
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([local[Symbol.asyncDispose](), slurm[Symbol.asyncDispose]()])
    },
  }
}
