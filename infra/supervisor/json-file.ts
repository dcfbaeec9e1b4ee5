/** Small files of state: whoever reads one sees all of it, the old or the new. */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import type { z } from 'zod'

/** Synchronous, so that nothing happens between a process's start and the note of it. */
export function writeJson(path: string, value: unknown): void {
  const draft = `${path}.${process.pid}`
  writeFileSync(draft, `${JSON.stringify(value)}\n`, { mode: 0o600 })
  renameSync(draft, path)
}

/** Undefined when it is missing or can't be understood. */
export function readJson<S extends z.ZodType>(path: string, schema: S): z.infer<S> | undefined {
  try {
    return schema.safeParse(JSON.parse(readFileSync(path, 'utf8'))).data
  } catch {
    return undefined
  }
}

export function removeFile(path: string): void {
  rmSync(path, { force: true })
}
