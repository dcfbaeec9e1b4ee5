/** A configuration in dask-jobqueue's form → the pool that it means. */
import type { Pool, PoolStarts, SlurmJobs } from './cluster.ts'
import { askedGpus, directive } from './directives.ts'
import { type Findings, shown } from './findings.ts'
import type { Path } from './place.ts'
import { readParts, type SlurmParts } from './read-slurm-form.ts'
import type { Additions } from './slurm-form.ts'
import { parseSlurmTime } from './slurm-time.ts'

/** Every start of a job costs a place in Slurm's queue, which may be hours: one that waits a minute for the next task is cheaper. */
const LEAST_IDLE_HOLD_SECONDS = 60
/** Circuits are mostly short: a vQPU is worth starting for a handful of them, not for one. */
const CIRCUITS_PER_JOB = 8

/** What a configuration of that name is for, unless it says otherwise. */
export function startsByName(name: string): PoolStarts {
  if (name === 'vqpu') return { kind: 'vqpu', engine: 'embedded' }
  if (/^circuit(-|$)/.test(name)) return { kind: 'submitter' }
  return { kind: 'worker', serves: [name] }
}

/**
 * @param path where the configuration stands. @param usual what a job of it is unless it says otherwise.
 * @returns undefined when there were problems; they are among the findings then.
 */
export function readSlurmPool(
  name: string,
  path: Path,
  value: Record<string, unknown>,
  usual: PoolStarts,
  findings: Findings,
): Pool | undefined {
  const before = findings.problems.length
  const parts = readParts(value, path, usual.kind, findings)
  if (parts === undefined) return undefined
  const pool = toPool({ name, path, ...parts, starts: startsOf(name, parts.additions, usual), findings })
  return findings.problems.length > before ? undefined : pool
}

type Reading = SlurmParts & { name: string; path: Path; starts: PoolStarts; findings: Findings }

function toPool(reading: Reading): Pool {
  const { name, kwargs, additions, starts } = reading
  const slurm = slurmJobs(reading)
  const cores = coresOf(reading)
  const slots = typeof additions.slots === 'number' ? additions.slots : cores
  return {
    name,
    starts,
    scheduler: 'slurm',
    slurm,
    cores,
    slots,
    memoryBytes: kwargs.memory,
    gpus: gpusOf(reading, slurm.directives),
    ...jobCounts(reading),
    loadPerJob: additions.load_per_job ?? (starts.kind === 'vqpu' ? CIRCUITS_PER_JOB : slots),
    idleHoldSeconds: idleHold(reading),
    walltimeSeconds: walltimeOf(reading, slurm.directives),
  }
}

function slurmJobs(reading: Reading): SlurmJobs {
  const { kwargs } = reading
  const directives = renamed(reading, 'job_extra_directives', 'job_extra')
  const skipped = renamed(reading, 'job_directives_skip', 'header_skip')
  return {
    partition: kwargs.queue,
    account: renamedWord(reading, 'account', 'project'),
    jobCpu: kwargs.job_cpu,
    jobMemory: kwargs.job_mem,
    directives: options(reading, directives),
    skippedDirectives: skipped.map((text) => text.trim()).filter((text) => text !== ''),
    prologue: renamed(reading, 'job_script_prologue', 'env_extra'),
    shebang: kwargs.shebang ?? '#!/bin/bash',
    logDirectory: kwargs.log_directory,
    localDirectory: kwargs.local_directory,
  }
}

type ListKey =
  | 'job_script_prologue'
  | 'env_extra'
  | 'job_extra_directives'
  | 'job_extra'
  | 'job_directives_skip'
  | 'header_skip'

// Where both names are written, the newer one holds, as it does for dask-jobqueue.
function renamed({ kwargs, path, findings }: Reading, now: ListKey, once: ListKey): string[] {
  const [list = [], older = []] = [kwargs[now], kwargs[once]]
  if (list.length > 0 && older.length > 0) tellOlder(findings, path, now, once)
  return list.length > 0 ? list : older
}

function renamedWord({ kwargs, path, findings }: Reading, now: 'account', once: 'project') {
  if (kwargs[now] !== undefined && kwargs[once] !== undefined) tellOlder(findings, path, now, once)
  return kwargs[now] ?? kwargs[once]
}

function tellOlder(findings: Findings, path: Path, now: string, once: string): void {
  findings.warn([...path, 'cluster_kwargs', once], `not used: ${now}, its newer name, has a value too`)
}

// A line that is no option would be a comment to Slurm: nothing is asked for by it.
function options({ kwargs, path, findings }: Reading, texts: readonly string[]): string[] {
  const key = kwargs.job_extra_directives?.length ? 'job_extra_directives' : 'job_extra'
  return texts.flatMap((text) => {
    const option = text.trim()
    if (option === '') return []
    if (option.startsWith('-')) return [option]
    findings.warn(
      [...path, 'cluster_kwargs', key],
      `${shown(option)} is no option of sbatch and not used: write one such as "--gres=gpu:1"`,
    )
    return []
  })
}

function coresOf({ kwargs, starts, path, findings }: Reading): number {
  const cores = kwargs.cores ?? kwargs.job_cpu
  if (cores === undefined && starts.kind !== 'submitter')
    findings.warn([...path, 'cluster_kwargs'], 'it says no cores: a job has 1; write cores, such as 16')
  return cores ?? 1
}

/** What a worker hands to its tasks: what Slurm is asked for, and where it isn't, only what is ours without asking. */
function gpusOf({ additions, starts, path, findings }: Reading, directives: readonly string[]): Pool['gpus'] {
  const asked = additions.gpus ?? askedGpus(directives)
  if (asked !== undefined) return asked
  // With its whole node, or a partition that gives GPUs by itself, a job may have what it finds.
  if (directive(directives, 'exclusive') !== undefined) return 'auto'
  if (starts.kind !== 'worker' || !starts.serves.includes('gpu')) return 0
  findings.warn(
    [...path, 'cluster_kwargs', 'job_extra_directives'],
    'it serves gpu and asks for no GPUs: write "--gres=gpu:1", or gpus under qubus if the partition gives them by itself',
  )
  return 'auto'
}

function jobCounts({
  kwargs,
  adapt,
  starts,
  path,
  findings,
}: Reading): Pick<Pool, 'minimumJobs' | 'maximumJobs'> {
  const jobs = (processes: number | undefined) =>
    processes === undefined ? undefined : Math.ceil(processes / kwargs.processes)
  const minimumJobs = adapt.minimum_jobs ?? jobs(adapt.minimum) ?? 0
  const most = adapt.maximum_jobs ?? jobs(adapt.maximum)
  // Without a bound dask-jobqueue would ask for as many jobs as there are tasks.
  const maximumJobs = most ?? Math.max(1, minimumJobs)
  if (most === undefined && starts.kind !== 'submitter')
    findings.warn(
      [...path, 'adapt_kwargs'],
      `it says no maximum_jobs: there ${maximumJobs === 1 ? 'is 1 job' : `are ${maximumJobs} jobs`} at most; write adapt_kwargs with maximum_jobs`,
    )
  if (minimumJobs > maximumJobs) {
    const key = adapt.minimum_jobs === undefined ? 'minimum' : 'minimum_jobs'
    findings.problem(
      [...path, 'adapt_kwargs', key],
      `found ${adapt[key]}, more than the maximum of ${maximumJobs} jobs: write at most that`,
    )
  }
  return { minimumJobs, maximumJobs }
}

// As they mostly are, 1 s and 1 time, they would end a job between two tasks and ask for the next one at once.
function idleHold({ adapt, additions }: Reading): number {
  const dask = (adapt.interval ?? 1) * (adapt.wait_count ?? 3)
  return additions.idle_hold_seconds ?? Math.max(LEAST_IDLE_HOLD_SECONDS, dask)
}

function walltimeOf({ kwargs, path, findings }: Reading, directives: readonly string[]): number | undefined {
  const seconds = parseSlurmTime(directive(directives, 'time') ?? '') ?? kwargs.walltime
  if (seconds === undefined || Number.isFinite(seconds)) return seconds
  findings.warn([...path, 'cluster_kwargs', 'walltime'], "it says no limit: the partition's own holds")
  return undefined
}

function startsOf(name: string, { starts, serves, engine }: Additions, usual: PoolStarts): PoolStarts {
  const kind = starts ?? usual.kind
  if (kind === 'worker') return { kind, serves: serves ?? (usual.kind === 'worker' ? usual.serves : [name]) }
  if (kind === 'vqpu') return { kind, engine: engine ?? 'embedded' }
  return { kind }
}
