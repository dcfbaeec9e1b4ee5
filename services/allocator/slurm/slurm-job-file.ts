/** `<home>/jobs/slurm/<name>.json`: which of Slurm's jobs one is, and what became of it. */
import { join } from 'node:path'
import { z } from 'zod'
import { homePaths } from '#shared/config/home.ts'
import { ClaimedFiles, Identity, JobEnd } from '../claimed-files.ts'
import type { Job } from '../scheduler.ts'

const SlurmJobFile = z.object({
  name: z.string(),
  pool: z.string(),
  /** The allocator that claimed the name, and submits the job right after. */
  claimedBy: Identity,
  claimedAt: z.number(),
  submittedAt: z.number(),
  /** What it prints goes there. */
  log: z.string(),
  /** Slurm's number of it; none until `sbatch` has said it. */
  id: z.string().optional(),
  startedAt: z.number().optional(),
  node: z.string().optional(),
  /** Somebody asked it to end. */
  ending: z.literal('cancelled').optional(),
  ended: JobEnd.optional(),
})
export type SlurmJobFile = z.infer<typeof SlurmJobFile>

export type SlurmJobFiles = ClaimedFiles<SlurmJobFile>

export function slurmJobFiles(home: string): SlurmJobFiles {
  return new ClaimedFiles(join(homePaths(home).jobs, 'slurm'), (content) => SlurmJobFile.parse(content))
}

export type Place = { startedAt: number | undefined; node: string | undefined }

/** The file with what is known of where and since when it runs. */
export function placed(
  job: SlurmJobFile,
  { startedAt = job.startedAt, node = job.node }: Partial<Place>,
): SlurmJobFile {
  if (job.startedAt === startedAt && job.node === node) return job
  return {
    ...job,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(node === undefined ? {} : { node }),
  }
}

/** What the last look said of one that has not ended. */
export type Known = { state: 'pending' | 'running'; reason?: string | undefined }

export function toJob(file: SlurmJobFile, known: Known | undefined): Job {
  const { name, pool, ended, node, submittedAt, startedAt } = file
  return {
    id: name,
    name,
    pool,
    state: ended ? 'ended' : (known?.state ?? 'pending'),
    how: ended?.how,
    reason: ended?.reason ?? known?.reason,
    node,
    submittedAt,
    startedAt,
    endedAt: ended?.at,
  }
}
