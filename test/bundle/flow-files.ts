/** Flow files written for a test, in a folder of their own outside this project. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

export type FlowFolder = AsyncDisposable & {
  path: string
  /** Writes files by their paths in this folder; returns the path of the first. */
  write(files: Record<string, string>): Promise<string>
}

export async function flowFolder(inside = ''): Promise<FlowFolder> {
  const root = await mkdtemp(join(tmpdir(), 'qubus-flows-'))
  const path = join(root, inside)
  return {
    path,
    async write(files) {
      for (const [name, text] of Object.entries(files)) {
        await mkdir(dirname(join(path, name)), { recursive: true })
        await writeFile(join(path, name), text)
      }
      return join(path, Object.keys(files)[0] ?? '')
    },
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  }
}
