/** What a worker's or a vQPU's job is: the actor's file, its flags, its environment. */
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Pool } from '#shared/cluster/cluster.ts'
import type { JobSpec } from './scheduler.ts'

/** The files that node runs. */
export type ActorPrograms = { worker: string; vqpu: string }

const ROOT = dirname(dirname(fileURLToPath(import.meta.resolve('#shared/version.ts'))))

export const PROGRAMS: ActorPrograms = {
  worker: join(ROOT, 'services/worker/main.ts'),
  vqpu: join(ROOT, 'services/vqpu/main.ts'),
}

export type JobMaker = { programs: ActorPrograms; environment: Readonly<Record<string, string>> }

export type VqpuWish = {
  device: string
  engine: string
  walltimeSeconds?: number | undefined
  /** The run that it belongs to; none = shared. */
  run?: string | undefined
  /** It takes circuits of this pool too. */
  takesFrom?: string | undefined
}

/** A host ends itself at its walltime; only one that does not is ended by the scheduler, so much later. */
const WALLTIME_MARGIN_SECONDS = 30

export function workerJob(maker: JobMaker, pool: Pool, name: string, serves: readonly string[]): JobSpec {
  const { slots, memoryBytes, gpus, walltimeSeconds } = pool
  const argv = [maker.programs.worker, '--pools', serves.join(','), '--slots', String(slots)]
  argv.push('--gpus', String(gpus))
  if (memoryBytes !== undefined) argv.push('--memory', String(memoryBytes))
  return { ...common(maker, pool, name), kind: 'worker', argv, gpus, walltimeSeconds }
}

export function vqpuJob(maker: JobMaker, pool: Pool, name: string, wish: VqpuWish): JobSpec {
  const argv = [maker.programs.vqpu, '--device', wish.device, '--engine', wish.engine]
  if (wish.walltimeSeconds !== undefined) argv.push('--walltime', String(wish.walltimeSeconds))
  if (wish.run === undefined) argv.push('--shared')
  else argv.push('--run', wish.run)
  if (wish.takesFrom !== undefined) argv.push('--pool', wish.takesFrom)
  const walltimeSeconds =
    wish.walltimeSeconds === undefined ? undefined : wish.walltimeSeconds + WALLTIME_MARGIN_SECONDS
  return { ...common(maker, pool, name), kind: 'vqpu', argv, walltimeSeconds }
}

function common({ environment }: JobMaker, pool: Pool, name: string): Omit<JobSpec, 'kind' | 'argv'> {
  return { name, pool: pool.name, environment, cores: pool.cores, memoryBytes: pool.memoryBytes }
}

const INHERITED = [
  'PATH',
  'HOME',
  'USER',
  'LOGNAME',
  'SHELL',
  'LANG',
  'TZ',
  'TMPDIR',
  'LD_LIBRARY_PATH',
  'XDG_RUNTIME_DIR',
  'CUDA_VISIBLE_DEVICES',
  'ROCR_VISIBLE_DEVICES',
  'HIP_VISIBLE_DEVICES',
]

/** What a job's programs may need of this environment, and `ours`; nothing else. */
export function jobEnvironment(
  from: Readonly<Record<string, string>>,
  ours: Record<string, string | undefined>,
): Record<string, string> {
  const inherited = Object.entries(from).filter(([key]) => INHERITED.includes(key) || key.startsWith('LC_'))
  const entries = [...inherited, ...Object.entries(ours)]
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== undefined))
}
