/** Starts the PostgreSQL of a home, or adopts the one that runs there, and waits until it takes connections. */
import { randomBytes } from 'node:crypto'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Client } from 'pg'
import { readEnvironment } from '#shared/config/environment.ts'
import { credentialsFile, homePaths } from '#shared/config/home.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { findByArguments } from '#shared/process/find.ts'
import { keptPort } from '../process/port.ts'
import { prepareHome } from '../process/prepare-home.ts'
import { writePrivate } from '../process/private-file.ts'
import { adoptServer, launchServer, type ServerProcess } from '../process/server-process.ts'
import { initialise, SUPERUSER } from './initialise.ts'
import { installPostgres } from './installation.ts'
import { postgresConfig } from './postgres-config.ts'
import { type ServerUser, serverUserFor } from './server-user.ts'

export type PostgresOptions = {
  home: string
  /** The user's cache; default `QUBUS_CACHE` or the usual one. */
  cache?: string
  /** Gives up waiting for it; what was started is stopped. */
  signal?: AbortSignal
  /** False: initdb does not sync its files. For tests only. */
  sync?: boolean
}

export type Postgres = {
  [Symbol.asyncDispose](): Promise<void>
  /** With the password: never to be logged, nor put into arguments. */
  url: string
  port: number
  pid: number
  /** The folder of its data: in the home, or under /var/lib when root's home is closed to the server's user. */
  data: string
  /** It ran already: an earlier supervisor of this home left it. */
  adopted: boolean
  /** Resolves when the process has ended, however that came. */
  exited: Promise<void>
  kill(signal: NodeJS.Signals): void
  stop(): Promise<void>
}

const HOST = '127.0.0.1'
// After a crash it first reads its log of changes.
const READY_MS = 120_000
// Somebody took the port; or sessions of a killed server are still ending.
const PASSING = ['Address already in use', 'is still in use', 'lock file "postmaster.pid" already exists']
const TRIES = 20

/**
 * The first start of a home copies the programs and makes the data folder. The port is the same at every start.
 * Writes `<home>/credentials/postgres.json` (0600): `{url}`.
 * @throws QubusError `UNREACHABLE` with the end of PostgreSQL's log when it ends instead.
 */
export async function startPostgres({
  cache = readEnvironment().cache,
  ...given
}: PostgresOptions): Promise<Postgres> {
  const options = { ...given, cache, home: await prepareHome(given.home) }
  const paths = homePaths(options.home)
  const user = await serverUserFor(options.home, cache)
  const password = await keptPassword(options.home)
  for (let tries = 1; ; tries++) {
    const running = findByArguments('-D', user.data)
    const server = running === undefined ? await launch(options, user, password) : adoptServer(running)
    const port = Number(await readFile(paths.postgresPort, 'utf8'))
    const postgres = await finish(options, user, server, port, password, running !== undefined)
    if (postgres !== undefined) return postgres
    const last = (await readFile(logOf(options.home), 'utf8').catch(() => ''))
      .trimEnd()
      .split('\n')
      .slice(-8)
      .join('\n')
    if (tries < TRIES && PASSING.some((words) => last.includes(words))) {
      await pause(tries * 50)
      continue
    }
    throw new QubusError('UNREACHABLE', `PostgreSQL ended while starting:\n${last}`)
  }
}

async function launch(
  { home, sync }: PostgresOptions,
  user: ServerUser,
  password: string,
): Promise<ServerProcess> {
  const installation = await installPostgres(user.programs)
  await initialise(installation, user, password, sync)
  await forgetStalePid(user.data)
  const port = await keptPort(homePaths(home).postgresPort, HOST)
  await writePrivate(join(user.data, 'postgresql.conf'), postgresConfig(HOST, port), user.owner)
  return launchServer({
    file: installation.postgres,
    args: ['-D', user.data],
    env: { LC_ALL: 'C', PATH: '/usr/bin:/bin' },
    cwd: '/',
    log: logOf(home),
    ...user.owner,
  })
}

// After a reboot the pid that a killed server noted may be another program's, for which PostgreSQL would wait for ever.
async function forgetStalePid(data: string): Promise<void> {
  const note = join(data, 'postmaster.pid')
  const pid = Number.parseInt(await readFile(note, 'utf8').catch(() => ''), 10)
  const program = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')
  if (program !== '' && program.trim() !== 'postgres') await rm(note, { force: true })
}

/** Undefined when the server ended instead of becoming ready. */
async function finish(
  { home, signal }: PostgresOptions,
  user: ServerUser,
  server: ServerProcess,
  port: number,
  password: string,
  adopted: boolean,
): Promise<Postgres | undefined> {
  const url = `postgres://${SUPERUSER}:${password}@${HOST}:${port}/postgres`
  const stop = (): Promise<void> => server.stop(STOP)
  try {
    if (!(await ready(server, url, home, signal))) return undefined
  } catch (error) {
    if (!adopted) await stop()
    throw error
  }
  await writePrivate(
    credentialsFile(home, 'postgres'),
    `${JSON.stringify({ user: SUPERUSER, password, url })}\n`,
  )
  return {
    url,
    port,
    pid: server.pid,
    data: user.data,
    adopted,
    exited: server.exited,
    kill: server.kill,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

// SIGINT: ends sessions and stops at once and cleanly. SIGQUIT: without a checkpoint, recovered at the next start.
const STOP = [
  { signal: 'SIGINT', waitMs: 20_000 },
  { signal: 'SIGQUIT', waitMs: 5_000 },
  { signal: 'SIGKILL', waitMs: 5_000 },
] as const

async function ready(
  server: ServerProcess,
  url: string,
  home: string,
  signal?: AbortSignal,
): Promise<boolean> {
  const until = performance.now() + READY_MS
  while (server.alive()) {
    signal?.throwIfAborted()
    if (await answers(url)) return true
    if (performance.now() > until)
      throw new QubusError(
        'UNREACHABLE',
        `PostgreSQL is not ready after ${READY_MS / 1000} s: see ${logOf(home)}`,
      )
    await pause(15)
  }
  return false
}

async function answers(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 2_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    return true
  } catch {
    return false
  } finally {
    await client.end().catch(() => {})
  }
}

async function keptPassword(home: string): Promise<string> {
  const file = credentialsFile(home, 'postgres')
  const kept = await readFile(file, 'utf8').catch(() => undefined)
  if (kept !== undefined) return (JSON.parse(kept) as { password: string }).password
  const password = randomBytes(32).toString('base64url')
  await writePrivate(file, `${JSON.stringify({ user: SUPERUSER, password })}\n`)
  return password
}

function logOf(home: string): string {
  return join(homePaths(home).logs, 'postgres.log')
}
