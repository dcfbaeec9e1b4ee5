/** `<home>/jobs/<name>.json`: the claim of a job's name, then what became of it. Written whole or not at all. */
import { linkSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { homePaths } from '#shared/config/home.ts'

const Identity = z.object({ pid: z.number().int().positive(), start: z.string(), boot: z.string() })

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
  ended: z
    .object({
      at: z.number(),
      how: z.enum(['orderly', 'failed', 'signalled', 'vanished', 'walltime', 'cancelled']),
      reason: z.string(),
    })
    .optional(),
})
export type JobFile = z.infer<typeof JobFile>

export class JobFiles {
  readonly #folder: string
  #count = 0

  constructor(home: string) {
    this.#folder = homePaths(home).jobs
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
  }

  logOf(name: string): string {
    return join(this.#folder, `${name}.log`)
  }

  /** Create-if-absent: true for the one caller, in whatever process, that gets the name. */
  claim(job: JobFile): boolean {
    const draft = this.#draft(job)
    try {
      // A link, unlike an exclusive open, shows the file to others with all of its content.
      linkSync(draft, this.#path(job.name))
      return true
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
      throw error
    } finally {
      rmSync(draft, { force: true })
    }
  }

  /** Replaces what is there; a file that was removed meanwhile stays away. */
  update(name: string, change: (job: JobFile) => JobFile): JobFile | undefined {
    const present = this.read(name)
    if (present === undefined) return undefined
    const next = change(present)
    if (next !== present) renameSync(this.#draft(next), this.#path(name))
    return next
  }

  read(name: string): JobFile | undefined {
    try {
      return JobFile.parse(JSON.parse(readFileSync(this.#path(name), 'utf8')))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
  }

  all(): JobFile[] {
    const names = readdirSync(this.#folder).filter((file) => file.endsWith('.json'))
    return names.map((file) => this.read(file.slice(0, -'.json'.length))).filter((job) => job !== undefined)
  }

  remove(name: string): void {
    for (const path of [this.#path(name), this.logOf(name), `${this.logOf(name)}.1`])
      rmSync(path, { force: true })
  }

  #path(name: string): string {
    return join(this.#folder, `${name}.json`)
  }

  #draft(job: JobFile): string {
    const path = join(this.#folder, `.${job.name}.${process.pid}.${++this.#count}`)
    writeFileSync(path, JSON.stringify(job, undefined, 2), { mode: 0o600, flag: 'wx' })
    return path
  }
}
