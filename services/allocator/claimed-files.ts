/** Files named after jobs, one each: the claim of a job's name, then what became of it. Written whole or not at all. */
import { linkSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'

export const Identity = z.object({ pid: z.number().int().positive(), start: z.string(), boot: z.string() })

/** How a job ended, as a {@link Job} says it. */
export const JobEnd = z.object({
  at: z.number(),
  how: z.enum(['orderly', 'failed', 'signalled', 'vanished', 'walltime', 'cancelled']),
  reason: z.string(),
})
export type JobEnd = z.infer<typeof JobEnd>

export class ClaimedFiles<F extends { name: string }> {
  readonly #folder: string
  readonly #parse: (content: unknown) => F
  #count = 0

  /** @param parse throws for what is no such file. */
  constructor(folder: string, parse: (content: unknown) => F) {
    this.#folder = folder
    this.#parse = parse
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  }

  logOf(name: string): string {
    return join(this.#folder, `${name}.log`)
  }

  /** Create-if-absent: true for the one caller, in whatever process, that gets the name. */
  claim(job: F): boolean {
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
  update(name: string, change: (job: F) => F): F | undefined {
    const present = this.read(name)
    if (present === undefined) return undefined
    const next = change(present)
    if (next !== present) renameSync(this.#draft(next), this.#path(name))
    return next
  }

  read(name: string): F | undefined {
    try {
      return this.#parse(JSON.parse(readFileSync(this.#path(name), 'utf8')))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
  }

  all(): F[] {
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

  #draft(job: F): string {
    const path = join(this.#folder, `.${job.name}.${process.pid}.${++this.#count}`)
    writeFileSync(path, JSON.stringify(job, undefined, 2), { mode: 0o600, flag: 'wx' })
    return path
  }
}
