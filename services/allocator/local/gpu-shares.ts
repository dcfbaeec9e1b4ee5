/** Which GPUs of this machine a job gets: as a batch system's gres, each belongs to one job at a time. */
import { QubusError } from '#shared/contract/errors.ts'
import { findGpus, gpuEnvironment } from '#shared/process/gpus.ts'
import type { JobSpec } from '../scheduler.ts'
import type { JobFile } from './job-file.ts'

export type GpuShare = { gpus: string[]; environment: Record<string, string> }

/**
 * @param jobs of this machine. @returns undefined when the job asks for none: then it sees what the allocator sees.
 * @throws QubusError `ALLOCATION_FAILED` while other jobs have them, `ALLOCATION_REFUSED` when there never are so many.
 */
export async function shareGpus(
  { name, gpus: wanted, environment }: JobSpec,
  jobs: readonly JobFile[],
): Promise<GpuShare | undefined> {
  if (wanted === undefined) return undefined
  const { kind, ids } = wanted === 0 ? { kind: undefined, ids: [] } : await findGpus(environment)
  const taken = new Set(jobs.flatMap((job) => (job.name === name || job.ended ? [] : (job.gpus ?? []))))
  const free = ids.filter((id) => !taken.has(id))
  const count = wanted === 'auto' ? free.length : wanted
  if (count > ids.length)
    throw new QubusError(
      'ALLOCATION_REFUSED',
      `the pool asks for ${count} GPUs a job, and this machine has ${ids.length}`,
    )
  if (count > free.length)
    throw new QubusError(
      'ALLOCATION_FAILED',
      `the job needs ${count} GPUs, and other jobs have all but ${free.length} of ${ids.length}`,
    )
  const gpus = free.slice(0, count)
  // A list that is empty says "none"; a variable that is missing says "all".
  return { gpus, environment: gpuEnvironment(kind, gpus) }
}
