/** A pool as Qubus' own cluster files write it. The keys are in snake case, as their neighbours' in dask-jobqueue's form are. */
import { z } from 'zod'
import { parseByteSize } from '../contract/byte-size.ts'
import type { Pool, PoolStarts } from './cluster.ts'

const TOKEN = /^[A-Za-z0-9_-]{1,64}$/

const count = (least: number) =>
  z
    .number(`write a whole number, at least ${least}`)
    .int('write a whole number')
    .min(least, `write ${least} or more`)
const seconds = z.number('write a number of seconds').nonnegative('write 0 or more')
const poolName = z.string('write a name').regex(TOKEN, 'use letters, digits, "_" and "-", at most 64 of them')
const memory = z
  .string('write a size such as "4GB"')
  .refine((text) => parseByteSize(text) !== undefined, 'write a size such as "4GB"')

export const PoolForm = z.strictObject({
  starts: z.enum(['worker', 'vqpu', 'submitter'], 'write worker, vqpu or submitter'),
  /** Of a worker: the task pools it serves; the pool's own name when not given. */
  serves: z.array(poolName).min(1, 'name at least one pool').optional(),
  /** Of a vqpu. */
  engine: z.string('write the name of an engine').min(1, 'write the name of an engine').optional(),
  scheduler: z.literal('local', 'write local').default('local'),
  cores: z
    .union([count(1), z.literal('auto')], 'write a number of cores, or auto for all of this machine')
    .default('auto'),
  slots: z
    .union([count(1), z.literal('auto')], 'write how many tasks run at once, or auto for one a core')
    .default('auto'),
  memory: memory.optional(),
  /** Of a worker: handed to its tasks one by one. */
  gpus: z
    .union([count(0), z.literal('auto')], 'write a number of GPUs, or auto for all there are')
    .optional(),
  minimum_jobs: count(0).default(0),
  maximum_jobs: count(0).default(1),
  load_per_job: count(1).optional(),
  idle_hold_seconds: seconds.default(60),
  walltime_seconds: seconds.optional(),
})
export type PoolForm = z.infer<typeof PoolForm>

export type FormProblem = { key: string; message: string }

/** What the schema can't say of one key alone. */
export function poolProblems(form: PoolForm): FormProblem[] {
  const { minimum_jobs, maximum_jobs } = form
  const problems = startsProblems(form)
  if (minimum_jobs > maximum_jobs) {
    problems.push({
      key: 'minimum_jobs',
      message: `found ${minimum_jobs}, more than maximum_jobs (${maximum_jobs}): write at most ${maximum_jobs}`,
    })
  }
  return problems
}

/** Keys that what the pool starts has no use for. */
export function startsProblems(form: Pick<PoolForm, 'starts' | 'serves' | 'engine' | 'gpus'>): FormProblem[] {
  const { starts, serves, engine, gpus } = form
  const useless = (key: string, what: string): FormProblem => ({
    key,
    message: `${what}; this pool starts ${starts}: remove the key`,
  })
  return [
    ...(serves && starts !== 'worker' ? [useless('serves', 'only a worker serves task pools')] : []),
    ...(engine && starts !== 'vqpu' ? [useless('engine', 'only a vqpu has an engine')] : []),
    ...(gpus !== undefined && starts !== 'worker'
      ? [useless('gpus', 'only a worker hands GPUs to tasks')]
      : []),
  ]
}

/** @param machineCores what `auto` stands for. */
export function toPool(name: string, form: PoolForm, machineCores: number): Pool {
  const cores = form.cores === 'auto' ? machineCores : form.cores
  const slots = form.slots === 'auto' ? cores : form.slots
  return {
    name,
    starts: startsOf(name, form),
    scheduler: form.scheduler,
    cores,
    slots,
    memoryBytes: form.memory === undefined ? undefined : parseByteSize(form.memory),
    gpus: form.gpus ?? 'auto',
    minimumJobs: form.minimum_jobs,
    maximumJobs: form.maximum_jobs,
    // Circuits are mostly short: a vQPU is worth starting for a handful of them, not for one.
    loadPerJob: form.load_per_job ?? (form.starts === 'vqpu' ? 8 : slots),
    idleHoldSeconds: form.idle_hold_seconds,
    walltimeSeconds: form.walltime_seconds,
  }
}

function startsOf(name: string, form: PoolForm): PoolStarts {
  if (form.starts === 'worker') return { kind: 'worker', serves: form.serves ?? [name] }
  if (form.starts === 'vqpu') return { kind: 'vqpu', engine: form.engine ?? 'embedded' }
  return { kind: 'submitter' }
}
