/** `<home>/jobs/slurm/<name>.json`: which of Slurm's jobs one is, and what became of it. */
import { join } from 'node:path'
import { z } from 'zod'
import { homePaths } from '#shared/config/home.ts'
import { ClaimedFiles } from '../claimed-files.ts'

const SlurmJobFile = z.object({
  name: z.string(),
  pool: z.string(),
  /** The allocator that claimed the name, and submits the job right after. */
  claimedBy: z.object({ pid: z.number().int().positive(), start: z.string(), boot: z.string() }),
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
  ended: z
    .object({
      at: z.number(),
      how: z.enum(['orderly', 'failed', 'signalled', 'vanished', 'walltime', 'cancelled']),
      reason: z.string(),
    })
    .optional(),
})
export type SlurmJobFile = z.infer<typeof SlurmJobFile>

export type SlurmJobFiles = ClaimedFiles<SlurmJobFile>

export function slurmJobFiles(home: string): SlurmJobFiles {
  return new ClaimedFiles(join(homePaths(home).jobs, 'slurm'), (content) => SlurmJobFile.parse(content))
}
