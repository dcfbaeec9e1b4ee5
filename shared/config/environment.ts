/**
 * The one file that reads the environment: parsed, checked, frozen. Everything else is handed an {@link Environment}.
 */
import { homedir } from 'node:os'
import { delimiter, isAbsolute, join, resolve } from 'node:path'
import { QubusError } from '../contract/errors.ts'
import { assertToken } from '../contract/ids.ts'
import { type HomePaths, homePaths } from './home.ts'
import { parseRetention, type RetentionTimes } from './retention.ts'

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

export type Environment = Readonly<{
  /** `QUBUS_HOME`: the folder of the system's state. */
  home: string
  paths: HomePaths
  /** `QUBUS_CACHE`: what is built or copied once for this user: broker, Postgres binaries. */
  cache: string
  /** `QUBUS_URL`: the broker of a system elsewhere; then none is started here. */
  url: string | undefined
  /** `QUBUS_CREDS`: a credentials file, or a folder with one file a user. */
  credentials: string | undefined
  /** `QUBUS_DATABASE_URL`: a PostgreSQL elsewhere; then none is started here. */
  databaseUrl: string | undefined
  /** `QUBUS_POOL`, `QUBUS_DEVICE`: what an actor serves when no flag says so. */
  pool: string | undefined
  device: string | undefined
  /** `QUBUS_JOB`, or Slurm's: the scheduler's job that this process runs in. */
  job: string | undefined
  /** `QUBUS_JOB_ENDS_AT`, or Slurm's `SLURM_JOB_END_TIME`, given in Unix seconds: here in milliseconds. */
  jobEndsAt: number | undefined
  /** `QUBUS_RETENTION`: how long results keeps what. */
  retention: Readonly<RetentionTimes>
  /** `QUBUS_LOG_LEVEL` */
  logLevel: LogLevel
  /** What the code of flows and tasks gets: everything but our own keys, which lead to credentials. */
  forTasks: Readonly<Record<string, string>>
}>

type Variables = Readonly<Record<string, string | undefined>>

/**
 * @param variables the process's own by default.
 * @throws QubusError `BAD_ENVIRONMENT`, with the key, what was got and what to write.
 */
export function readEnvironment(variables: Variables = process.env): Environment {
  const home = absolutePath(variables, 'QUBUS_HOME') ?? join(stateFolder(variables), 'qubus')
  return Object.freeze({
    home,
    paths: homePaths(home),
    cache: absolutePath(variables, 'QUBUS_CACHE') ?? join(cacheFolder(variables), 'qubus'),
    url: brokerUrl(variables),
    credentials: absolutePath(variables, 'QUBUS_CREDS'),
    databaseUrl: databaseUrl(variables),
    pool: token(variables, 'QUBUS_POOL'),
    device: token(variables, 'QUBUS_DEVICE'),
    job: token(variables, 'QUBUS_JOB') ?? token(variables, 'SLURM_JOB_ID'),
    jobEndsAt: unixSeconds(variables, 'QUBUS_JOB_ENDS_AT') ?? unixSeconds(variables, 'SLURM_JOB_END_TIME'),
    retention: parseRetention(read(variables, 'QUBUS_RETENTION')),
    logLevel: logLevel(variables),
    forTasks: Object.freeze(withoutOurs(variables)),
  })
}

// The job's name stays: by it, what a killed worker left behind is found.
function withoutOurs(variables: Variables): Record<string, string> {
  const entries = Object.entries(variables).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  )
  return Object.fromEntries(entries.filter(([key]) => !key.startsWith('QUBUS_') || key === 'QUBUS_JOB'))
}

/** What belongs to the host rather than to Qubus: where its programs are, and the user's own folder if there is one. */
export function readHost(
  variables: Variables = process.env,
): Readonly<{ searchPath: string[]; userHome: string | undefined; slurmJob: string | undefined }> {
  const searchPath = (read(variables, 'PATH') ?? '').split(delimiter).filter((folder) => folder !== '')
  return Object.freeze({
    searchPath,
    userHome: read(variables, 'HOME'),
    slurmJob: read(variables, 'SLURM_JOB_ID'),
  })
}

/** The process's own environment with some variables set otherwise: for a client of another home, or a child process. */
export function variablesWith(overrides: Variables): Record<string, string | undefined> {
  return { ...process.env, ...overrides }
}

// An empty variable is one that is not set: shells and job scripts make no difference either.
function read(variables: Variables, key: string): string | undefined {
  const value = variables[key]
  return value === undefined || value === '' ? undefined : value
}

function absolutePath(variables: Variables, key: string): string | undefined {
  const value = read(variables, key)
  if (value?.startsWith('~')) throw bad(key, value, 'a path; only a shell replaces "~"', '/var/lib/qubus')
  if (value?.includes('\0')) throw bad(key, value, 'a path', '/var/lib/qubus')
  return value === undefined ? undefined : resolve(value)
}

function stateFolder(variables: Variables): string {
  return xdgFolder(variables, 'XDG_STATE_HOME') ?? join(userFolder(variables), '.local', 'state')
}

function cacheFolder(variables: Variables): string {
  return xdgFolder(variables, 'XDG_CACHE_HOME') ?? join(userFolder(variables), '.cache')
}

// The XDG rules say that a relative path is to be ignored.
function xdgFolder(variables: Variables, key: string): string | undefined {
  const value = read(variables, key)
  return value !== undefined && isAbsolute(value) ? value : undefined
}

function userFolder(variables: Variables): string {
  const home = read(variables, 'HOME') ?? homedir()
  if (isAbsolute(home)) return home
  throw bad('HOME', home, 'an absolute path, or QUBUS_HOME and QUBUS_CACHE set', '/home/me')
}

const BROKER_SCHEMES = ['nats:', 'tls:', 'ws:', 'wss:']

function brokerUrl(variables: Variables): string | undefined {
  const value = read(variables, 'QUBUS_URL')
  if (value === undefined) return undefined
  const url = URL.canParse(value) ? new URL(value) : undefined
  if (url === undefined || !BROKER_SCHEMES.includes(url.protocol) || url.hostname === '') {
    throw bad('QUBUS_URL', value, "the broker's address", 'nats://login-node:4222')
  }
  // It would show in process lists and logs; the value is not repeated here for the same reason.
  if (url.password !== '' || url.username !== '') {
    throw bad(
      'QUBUS_URL',
      '(an address with a password)',
      'the address alone, with QUBUS_CREDS naming a credentials file',
      'nats://login-node:4222',
    )
  }
  return value
}

function databaseUrl(variables: Variables): string | undefined {
  const value = read(variables, 'QUBUS_DATABASE_URL')
  if (value === undefined) return undefined
  const protocol = URL.canParse(value) ? new URL(value).protocol : ''
  if (protocol === 'postgres:' || protocol === 'postgresql:') return value
  throw bad(
    'QUBUS_DATABASE_URL',
    '(not shown: it may hold a password)',
    'the address of a PostgreSQL database',
    'postgres://qubus:SECRET@db:5432/qubus',
  )
}

function token(variables: Variables, key: string): string | undefined {
  const value = read(variables, key)
  if (value === undefined) return undefined
  try {
    return assertToken(key, value)
  } catch (cause) {
    throw new QubusError('BAD_ENVIRONMENT', (cause as Error).message, { cause, facts: { key } })
  }
}

function unixSeconds(variables: Variables, key: string): number | undefined {
  const value = read(variables, key)
  if (value === undefined) return undefined
  const seconds = Number(value)
  if (/^\d{9,11}$/.test(value)) return seconds * 1000
  // Slurm says this for a job without a time limit.
  if (value === 'Unknown' || value === 'None' || value === '0') return undefined
  throw bad(key, value, 'a time in Unix seconds', '1767225600')
}

function logLevel(variables: Variables): LogLevel {
  const value = read(variables, 'QUBUS_LOG_LEVEL') ?? 'info'
  const known = LOG_LEVELS.find((level) => level === value)
  if (known !== undefined) return known
  throw bad('QUBUS_LOG_LEVEL', value, `one of ${LOG_LEVELS.join(', ')}`, 'info')
}

function bad(key: string, got: string, wanted: string, example: string): QubusError {
  const shown = got.startsWith('(') ? got : JSON.stringify(got)
  const message = `${key}: got ${shown}; write ${wanted}, for example ${key}=${example}`
  return new QubusError('BAD_ENVIRONMENT', message, { facts: { key } })
}
