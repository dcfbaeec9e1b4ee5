/** Makes the folders of a home, closed to all others; what a server of ours needs stays reachable for it. */
import { chmod, mkdir, realpath, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { homePaths } from '#shared/config/home.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { makePrivateFolder } from './private-file.ts'

/**
 * Returns the home's real path: by another name for the same home a second server would open the same files.
 * Root's home is 0711 where its parents let others pass, since PostgreSQL runs as another user then; every folder in
 * it but that one is 0700.
 */
export async function prepareHome(given: string): Promise<string> {
  await mkdir(given, { recursive: true, mode: 0o700 }).catch((cause: Error) => {
    throw new QubusError(
      'BAD_ENVIRONMENT',
      `QUBUS_HOME: ${given} can't be made: ${cause.message}; set it to a folder that can`,
      { cause },
    )
  })
  const home = await realpath(given)
  const paths = homePaths(home)
  const shared = process.getuid?.() === 0 && (await lettingPass(dirname(home))) ? 0o711 : 0o700
  for (const folder of [paths.credentials, paths.broker, paths.logs]) await makePrivateFolder(folder)
  for (const folder of [paths.home, paths.postgres]) {
    await mkdir(folder, { recursive: true })
    await chmod(folder, shared)
  }
  return home
}

/** Whether any user may pass through `folder` and all above it. */
export async function lettingPass(folder: string): Promise<boolean> {
  const { mode } = await stat(folder)
  if ((mode & 0o001) === 0) return false
  return folder === dirname(folder) || lettingPass(dirname(folder))
}
