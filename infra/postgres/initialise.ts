/** Makes the data folder of a home, once, and whole or not at all. */
import { access, chown, mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'
import { QubusError } from '#shared/contract/errors.ts'
import { writePrivate } from '../process/private-file.ts'
import type { Installation } from './installation.ts'
import { HOST_BASED_ACCESS } from './postgres-config.ts'
import type { ServerUser } from './server-user.ts'

export const SUPERUSER = 'qubus'

/**
 * Runs initdb into a draft beside the data folder, which then takes its name: a crash in between leaves no half of one.
 * @throws QubusError `UNREACHABLE` with what initdb said.
 */
export async function initialise(
  { initdb }: Installation,
  { data, owner }: ServerUser,
  password: string,
  sync = true,
): Promise<void> {
  if (
    await access(join(data, 'PG_VERSION')).then(
      () => true,
      () => false,
    )
  )
    return
  const draft = `${data}.draft`
  await rm(draft, { recursive: true, force: true })
  await mkdir(draft, { mode: 0o700 })
  if (owner !== undefined) await chown(draft, owner.uid, owner.gid)
  // initdb wants an empty folder: the password waits beside it, readable by its user alone.
  const passwordFile = `${draft}.password`
  await writePrivate(passwordFile, `${password}\n`, owner)
  try {
    await runInitdb(initdb, draft, passwordFile, owner, sync)
  } finally {
    await rm(passwordFile, { force: true })
  }
  await writePrivate(join(draft, 'pg_hba.conf'), HOST_BASED_ACCESS, owner)
  await rename(draft, data)
}

async function runInitdb(
  initdb: string,
  data: string,
  passwordFile: string,
  owner: ServerUser['owner'],
  sync: boolean,
): Promise<void> {
  const args = [
    ...['--pgdata', data, '--username', SUPERUSER, '--pwfile', passwordFile, '--auth', 'scram-sha-256'],
    // PostgreSQL's own locale: the same order of text on every host.
    ...['--encoding', 'UTF8', '--locale-provider', 'builtin', '--builtin-locale', 'C.UTF-8', '--locale', 'C'],
    ...(sync ? [] : ['--no-sync']),
  ]
  const result = await execa(initdb, args, {
    cwd: '/',
    env: { LC_ALL: 'C', PATH: '/usr/bin:/bin' },
    extendEnv: false,
    stdin: 'ignore',
    all: true,
    reject: false,
    ...owner,
  })
  if (!result.failed) return
  const advice = result.all?.includes('could not look up effective user ID')
    ? '\nPostgreSQL needs a user that has a name; set QUBUS_DATABASE_URL to use one elsewhere'
    : ''
  throw new QubusError('UNREACHABLE', `initdb failed: ${result.all || result.shortMessage}${advice}`, {
    cause: result,
  })
}
