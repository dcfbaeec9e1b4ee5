/** `<home>/jobs/<name>.json`: which process a job of this machine is. */
import { z } from 'zod'
import { homePaths } from '#shared/config/home.ts'
import { ClaimedFiles, Identity, JobEnd } from '../claimed-files.ts'

const JobFile = z.object({
  name: z.string(),
  pool: z.string(),
  kind: z.enum(['worker', 'vqpu']),
  /** The allocator that claimed the name, and starts the process right after. */
  claimedBy: Identity,
  submittedAt: z.number(),
  walltimeSeconds: z.number().optional(),
  /** Ids of the GPUs that are its own until it has ended. */
  gpus: z.array(z.string()).optional(),
  process: Identity.optional(),
  startedAt: z.number().optional(),
  /** Somebody asked it to end, for this reason. */
  ending: z.enum(['walltime', 'cancelled']).optional(),
  endingAt: z.number().optional(),
  ended: JobEnd.optional(),
})
export type JobFile = z.infer<typeof JobFile>

export type JobFiles = ClaimedFiles<JobFile>

export function jobFiles(home: string): JobFiles {
  return new ClaimedFiles(homePaths(home).jobs, (content) => JobFile.parse(content))
}
