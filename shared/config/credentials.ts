/** Who a process is to the broker and the database, read from files that nobody else can read. */
import { readFileSync, statSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { QubusError } from '../contract/errors.ts'
import type { Environment } from './environment.ts'
import { credentialsFile } from './home.ts'

/** How a process reaches the broker. */
export type Connection = { url: string; user: string; password: string; inboxPrefix: string }

const Credentials = z.object({ user: z.string().min(1), password: z.string().min(1) })
const DatabaseCredentials = z.object({ url: z.string().startsWith('postgres') })
const ConnectionFile = z.object({ url: z.string().startsWith('nats') })

/**
 * The connection of `user`: to the system at `QUBUS_URL` with `QUBUS_CREDS`, or else to the one of this home.
 * @throws QubusError `NOT_RUNNING` when this home has no system, `BAD_ENVIRONMENT` when a file is missing, malformed
 *   or readable by others.
 */
export async function connectionFor(user: string, environment: Environment): Promise<Connection> {
  const { url, file } =
    environment.url === undefined ? await ofHome(user, environment) : await elsewhere(user, environment)
  const credentials = parse(Credentials, await readPrivate(file), file)
  return { url, ...credentials, inboxPrefix: inboxPrefixOf(credentials.user) }
}

/** Each user has inboxes of its own, which no other may subscribe to. */
export function inboxPrefixOf(user: string): string {
  return `_INBOX_${user}`
}

/**
 * The database of this system: `QUBUS_DATABASE_URL`, or the one that `qubus up` started in this home.
 * @throws QubusError `NOT_RUNNING` or `BAD_ENVIRONMENT`.
 */
export function databaseUrlFrom(environment: Environment): string {
  if (environment.databaseUrl !== undefined) return environment.databaseUrl
  const file = credentialsFile(environment.home, 'postgres')
  try {
    assertPrivate(file, statSync(file))
    return parse(DatabaseCredentials, readFileSync(file, 'utf8'), file).url
  } catch (error) {
    throw isMissing(error) ? notRunning(environment, error) : error
  }
}

async function ofHome(user: string, environment: Environment): Promise<{ url: string; file: string }> {
  const path = environment.paths.connection
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw isMissing(error) ? notRunning(environment, error) : unreadable(path, error)
  })
  return { url: parse(ConnectionFile, text, path).url, file: credentialsFile(environment.home, user) }
}

async function elsewhere(
  user: string,
  { url, credentials }: Environment,
): Promise<{ url: string; file: string }> {
  if (credentials === undefined) {
    throw new QubusError(
      'BAD_ENVIRONMENT',
      'QUBUS_URL is set, QUBUS_CREDS is not: write the path of a credentials file',
      {
        facts: { key: 'QUBUS_CREDS' },
      },
    )
  }
  const found = await stat(credentials).catch((error: unknown) => {
    throw unreadable(credentials, error)
  })
  return { url: url as string, file: found.isDirectory() ? join(credentials, `${user}.json`) : credentials }
}

async function readPrivate(file: string): Promise<string> {
  try {
    assertPrivate(file, await stat(file))
    return await readFile(file, 'utf8')
  } catch (error) {
    throw error instanceof QubusError ? error : unreadable(file, error)
  }
}

function assertPrivate(file: string, { mode }: { mode: number }): void {
  if ((mode & 0o077) === 0) return
  const shown = (mode & 0o777).toString(8).padStart(4, '0')
  throw new QubusError(
    'BAD_ENVIRONMENT',
    `${file} can be read by others (mode ${shown}): run chmod 600 ${file}`,
    {
      facts: { file, mode: shown },
    },
  )
}

function parse<S extends z.ZodType>(schema: S, text: string, file: string): z.infer<S> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new QubusError('BAD_ENVIRONMENT', `${file} is not JSON`, { cause, facts: { file } })
  }
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw new QubusError(
    'BAD_ENVIRONMENT',
    `${file}: ${issue?.path.join('.') || 'the file'}: ${issue?.message}`,
    { facts: { file } },
  )
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT'
}

function unreadable(file: string, cause: unknown): QubusError {
  return new QubusError('BAD_ENVIRONMENT', `${file} can't be read: ${(cause as Error).message}`, {
    cause,
    facts: { file },
  })
}

function notRunning({ home }: Environment, cause: unknown): QubusError {
  const message = `no system was started in ${home}: run scripts/qubus up, or set QUBUS_HOME or QUBUS_URL`
  return new QubusError('NOT_RUNNING', message, { cause, facts: { home } })
}
