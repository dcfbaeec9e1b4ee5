/** A home of its own for a test, gone afterwards. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export type TempHome = { path: string; [Symbol.asyncDispose](): Promise<void> }

/** Not inside the caller's own home: root's is closed to the user that PostgreSQL runs as. */
export async function tempHome(): Promise<TempHome> {
  const path = await mkdtemp(join(tmpdir(), 'qubus-test-'))
  return {
    path,
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 5 }),
  }
}
