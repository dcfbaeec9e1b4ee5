/**
 * The form in which users of dask-jobqueue write what Slurm is to be asked for. Such a file works as it is: what has no
 * meaning here is told and left out, and a value may be written as text or as a number.
 */
import { z } from 'zod'
import { parseByteSize } from '../contract/byte-size.ts'
import { PoolForm } from './pool-form.ts'
import { parseSlurmTime } from './slurm-time.ts'

const count = (least: number) =>
  z
    .string('write a whole number')
    .regex(/^\d+(\.0*)?$/, 'write a whole number')
    .transform(Number)
    .refine((value) => value >= least, `write ${least} or more`)
const word = z
  .string('write one line of text')
  .trim()
  .regex(/^[^\n\r]*$/, 'write one line of text')
// One text may stand for a list: a block of lines, or a single one.
const lines = z
  .preprocess(
    (value) => (typeof value === 'string' ? [value] : value),
    z.array(z.string('write one line of text, in quotes where it has ": "'), 'write a list of lines'),
  )
  .transform((texts) => texts.flatMap((text) => text.replace(/\r?\n$/, '').split(/\r?\n/)))
const size = z
  .string('write a size such as "4GB"')
  .refine((text) => (parseByteSize(text) ?? 0) > 0, 'write a size such as "4GB"')
  .transform((text) => parseByteSize(text))
const slurmMemory = z
  .string('write memory as Slurm does, such as "230G"')
  .transform((text) => toSlurmMemory(text) ?? '')
  .refine((text) => text !== '', 'write memory as Slurm does, such as "230G"')
const walltime = z
  .string('write a time such as "24:00:00" or "1-12"')
  .refine(
    (text) => parseSlurmTime(text) !== undefined,
    'write minutes, MM:SS, HH:MM:SS, D-HH, D-HH:MM or D-HH:MM:SS, such as "24:00:00"',
  )
  .transform((text) => parseSlurmTime(text))
const span = z
  .string('write a time such as "30s"')
  .transform((text) => toSeconds(text) ?? -1)
  .refine((seconds) => seconds >= 0, 'write a time such as 1, "30s" or "2 min"')

export const ClusterKwargs = z.object({
  cores: count(1).optional(),
  memory: size.optional(),
  processes: count(1).default(1),
  queue: word.optional(),
  account: word.optional(),
  /** The older name of `account`. */
  project: word.optional(),
  walltime: walltime.optional(),
  job_cpu: count(1).optional(),
  job_mem: slurmMemory.optional(),
  job_script_prologue: lines.optional(),
  /** The older name of `job_script_prologue`; the next two are of their neighbours. */
  env_extra: lines.optional(),
  job_extra_directives: lines.optional(),
  job_extra: lines.optional(),
  job_directives_skip: lines.optional(),
  header_skip: lines.optional(),
  log_directory: word.optional(),
  local_directory: word.optional(),
  shebang: word.regex(/^#!/, 'write "#!" and the path of a shell, such as "#!/bin/bash"').optional(),
})
export type ClusterKwargs = z.infer<typeof ClusterKwargs>

export const AdaptKwargs = z.object({
  minimum_jobs: count(0).optional(),
  maximum_jobs: count(0).optional(),
  /** In processes, of which a job has several. */
  minimum: count(0).optional(),
  maximum: count(0).optional(),
  interval: span.optional(),
  wait_count: count(0).optional(),
})
export type AdaptKwargs = z.infer<typeof AdaptKwargs>

/** What that form can't say: keys of ours, as strict as our own form. */
export const Additions = PoolForm.pick({
  serves: true,
  engine: true,
  slots: true,
  gpus: true,
  load_per_job: true,
}).extend({
  starts: PoolForm.shape.starts.optional(),
  idle_hold_seconds: PoolForm.shape.idle_hold_seconds.unwrap().optional(),
})
export type Additions = z.infer<typeof Additions>

/** Where each of a configuration's parts has its keys, and those of dask-jobqueue that mean nothing here. */
export const CONFIGURATION = {
  keys: ['cluster_class', 'cluster_kwargs', 'adapt_kwargs', 'qubus'],
  unused: { address: '', client_kwargs: '', performance_report_path: '' },
}
export const KWARGS = {
  keys: Object.keys(ClusterKwargs.shape),
  unused: {
    name: 'jobs get names by which they are found again',
    n_workers: 'adapt_kwargs says how many jobs there are',
    python: 'jobs run the Node.js that Qubus has with it',
    interface: 'jobs reach the broker at the address that its credentials name',
    death_timeout: 'a job without its broker asks again until its walltime',
    nanny: '',
    extra: '',
    worker_command: '',
    worker_extra_args: '',
    worker_class: '',
    config_name: '',
    job_cls: '',
    silence_logs: '',
    asynchronous: '',
    security: '',
    protocol: '',
    host: '',
    loop: '',
    scheduler_options: '',
    scheduler_cls: '',
    dashboard_address: '',
    shared_temp_directory: '',
  },
}
export const ADAPT = {
  keys: Object.keys(AdaptKwargs.shape),
  unused: {
    target_duration: 'load_per_job under qubus says how much one job takes',
    minimum_cores: 'minimum_jobs says how many jobs are kept',
    minimum_memory: 'minimum_jobs says how many jobs are kept',
    maximum_cores: 'maximum_jobs says how many jobs there may be',
    maximum_memory: 'maximum_jobs says how many jobs there may be',
    scale_factor: '',
    worker_key: '',
  },
}

// Its units are powers of 1024 whether or not a B follows; it takes whole numbers only.
function toSlurmMemory(text: string): string | undefined {
  const found = /^(\d+)(\.\d+)?\s*([KMGT]?)i?B?$/i.exec(text.trim())
  if (found === null) return undefined
  const [, whole = '', fraction, unit = ''] = found
  if (fraction === undefined) return `${whole}${unit.toUpperCase()}`
  const mebibytes = Number(whole + fraction) * 1024 ** ['M', 'G', 'T'].indexOf(unit.toUpperCase() || 'M')
  return unit.toUpperCase() === 'K' ? `${Math.ceil(Number(whole + fraction))}K` : `${Math.ceil(mebibytes)}M`
}

const UNITS: Record<string, number> = { ms: 0.001, s: 1, sec: 1, m: 60, min: 60, h: 3600, d: 86_400 }

// As dask reads it: a number alone is seconds.
function toSeconds(text: string): number | undefined {
  const found = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim())
  if (found === null) return undefined
  const named = (found[2] ?? '').toLowerCase()
  const unit = /^(millisecond|second|minute|hour|day)s?$/.exec(named)?.[1]
  const short = unit === 'millisecond' ? 'ms' : (unit?.[0] ?? (named === '' ? 's' : named))
  const factor = UNITS[short]
  return factor === undefined ? undefined : Number(found[1]) * factor
}
