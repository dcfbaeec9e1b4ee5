/** Bundles as files that a thread can import: fetched once, checked by their hash, kept in a folder of our own. */
import { hash } from 'node:crypto'
import { mkdir, rename, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Blobs } from '../bus/blobs.ts'
import { BUILTIN_BUNDLE } from '../contract/flow-request.ts'
import { withAbsoluteSources } from './bundle-flow-file.ts'

export type BundleCache = {
  /** Path of the file to import. @throws QubusError `BLOB_MISSING` or `BLOB_CORRUPT`. */
  fileOf(bundle: string, sourceRoot: string | undefined): Promise<string>
}

/**
 * @param folder made with mode 0700, so that nobody else can plant a file.
 * @param builtin the file with the flows that Qubus brings along.
 */
export function bundleCache(blobs: Blobs, folder: string, builtin: string): BundleCache {
  const files = new Map<string, Promise<string>>()
  const fetch = async (bundle: string, sourceRoot: string | undefined): Promise<string> => {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const path = join(folder, `${bundle}-${hash('sha256', sourceRoot ?? '').slice(0, 16)}.mjs`)
    if (await stat(path).catch(() => undefined)) return path
    return writeBundle(path, await blobs.get(bundle), sourceRoot)
  }
  return {
    fileOf(bundle, sourceRoot) {
      if (bundle === BUILTIN_BUNDLE) return Promise.resolve(builtin)
      const key = `${bundle} ${sourceRoot ?? ''}`
      let file = files.get(key)
      if (file === undefined) {
        file = fetch(bundle, sourceRoot)
        file.catch(() => files.delete(key))
        files.set(key, file)
      }
      return file
    },
  }
}

/** Writes a bundle so that whoever looks sees all of it or nothing. */
export async function writeBundle(
  path: string,
  bytes: Uint8Array,
  sourceRoot: string | undefined,
): Promise<string> {
  const draft = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}`
  await writeFile(draft, withAbsoluteSources(bytes, sourceRoot), { mode: 0o600 })
  await rename(draft, path)
  return path
}
