/** A backup into a home in which nothing was started yet. */
import { existsSync } from 'node:fs'
import { mkdir, readdir, realpath, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connectBus } from '#shared/bus/connect.ts'
import { connectionFor, databaseUrlFrom } from '#shared/config/credentials.ts'
import { type Environment, readEnvironment, variablesWith } from '#shared/config/environment.ts'
import { homePaths } from '#shared/config/home.ts'
import { findByArguments } from '#shared/process/find.ts'
import { findBroker } from '../broker/find-broker.ts'
import { startBroker } from '../broker/start-broker.ts'
import { serverUserFor } from '../postgres/server-user.ts'
import { startPostgres } from '../postgres/start-postgres.ts'
import { adoptServer } from '../process/server-process.ts'
import { supervisorFiles } from '../supervisor/files.ts'
import { lockHolder, takeLock } from '../supervisor/home-lock.ts'
import { type Manifest, readManifest } from './manifest.ts'
import { notEmpty, restoreInto } from './restore.ts'
import { checkMigrations } from './tables.ts'

/**
 * Checks the backup, starts servers in the home of `environment` (those elsewhere are used as they are), fills them,
 * and stops them. When that fails the home is empty as before.
 * @throws QubusError `BACKUP_INVALID`, `NOT_EMPTY`, `UNREACHABLE`.
 */
export async function restoreHome(
  environment: Environment,
  folder: string,
  said: (part: string) => void,
): Promise<Manifest> {
  said('checking the files')
  const manifest = await readManifest(folder)
  await checkMigrations(manifest.migrations)
  await mkdir(environment.home, { recursive: true, mode: 0o700 })
  const home = await realpath(environment.home)
  await refuseUsed(home, environment.cache)
  const files = supervisorFiles(home)
  const lock = takeLock(files.lock)
  if ('heldBy' in lock) throw notEmpty(`process ${lock.heldBy.pid} uses ${home}`)
  using _ = lock
  await writeFile(files.restoring, folder, { mode: 0o600 })
  try {
    await fill(readEnvironment(variablesWith({ QUBUS_HOME: home })), folder, manifest, said)
    await rm(files.restoring)
  } catch (error) {
    await clear(home, environment.cache)
    throw error
  }
  return manifest
}

async function refuseUsed(home: string, cache: string): Promise<void> {
  const holder = lockHolder(supervisorFiles(home).lock)
  if (holder) throw notEmpty(`a system runs on ${home} (process ${holder.pid})`)
  // What a restore that was killed has left is nothing.
  if (existsSync(supervisorFiles(home).restoring)) {
    await endLeft(home, cache)
    return clear(home, cache)
  }
  if ((await readdir(home)).length > 0) throw notEmpty(`${home} is not empty`)
  const { data } = await serverUserFor(home, cache)
  if (existsSync(join(data, 'PG_VERSION'))) throw notEmpty(`${data} holds the database of ${home}`)
}

async function fill(
  environment: Environment,
  folder: string,
  manifest: Manifest,
  said: (part: string) => void,
): Promise<void> {
  const { home, cache, url, databaseUrl } = environment
  await using servers = new AsyncDisposableStack()
  if (databaseUrl === undefined) servers.use(await startPostgres({ home, cache }))
  if (url === undefined)
    servers.use(await startBroker({ home, binary: await findBroker({ cache, say: said }) }))
  const bus = servers.use(await connectBus(await connectionFor('admin', environment), 'restore'))
  await restoreInto({ nc: bus.nc, databaseUrl: databaseUrlFrom(environment), folder, manifest, said })
}

async function endLeft(home: string, cache: string): Promise<void> {
  const { data } = await serverUserFor(home, cache)
  const left = [findByArguments('--config', homePaths(home).brokerConfig), findByArguments('-D', data)]
  for (const process of left) if (process) await adoptServer(process).stop(AT_ONCE)
}

const AT_ONCE = [{ signal: 'SIGKILL', waitMs: 10_000 }] as const

async function clear(home: string, cache: string): Promise<void> {
  const { data } = await serverUserFor(home, cache)
  await rm(data, { recursive: true, force: true })
  for (const name of await readdir(home)) await rm(join(home, name), { recursive: true, force: true })
}
