/** The database: its tables brought up to date, and connections for questions. */
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { runner } from 'node-pg-migrate'
import { Client, Pool } from 'pg'
import type { Logger } from 'pino'

const MIGRATIONS = fileURLToPath(new URL('./migrations', import.meta.url))
const BACK_OFF_MS = { first: 100, most: 5_000 }

/** Brings the tables up to date; tries until Postgres answers, or `signal` says to stop. Several may do it at once. */
export async function migrate(databaseUrl: string, log: Logger, signal: AbortSignal): Promise<void> {
  for (let wait = BACK_OFF_MS.first; !signal.aborted; wait = Math.min(BACK_OFF_MS.most, wait * 2)) {
    try {
      return await migrateOnce(databaseUrl, log)
    } catch (error) {
      log.warn({ err: error, againInMs: wait }, 'the tables could not be brought up to date')
      await pause(wait, undefined, { signal }).catch(() => {})
    }
  }
}

async function migrateOnce(databaseUrl: string, log: Logger): Promise<void> {
  const client = new Client({ connectionString: databaseUrl, connectionTimeoutMillis: 5_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    await runner({
      dbClient: client,
      dir: MIGRATIONS,
      direction: 'up',
      migrationsTable: 'migrations',
      singleTransaction: true,
      advisoryLockMode: 'wait',
      logger: {
        debug() {},
        info: (text) => log.debug(text),
        warn: (text) => log.warn(text),
        error: (text) => log.error(text),
      },
    })
  } finally {
    await client.end().catch(() => {})
  }
}

/** Connections for questions and purging: a few, so that storing keeps its share of Postgres. */
export function openPool(databaseUrl: string, log: Logger): Pool {
  const pool = new Pool({
    connectionString: databaseUrl,
    max: 4,
    connectionTimeoutMillis: 5_000,
    statement_timeout: 30_000,
    query_timeout: 35_000,
    keepAlive: true,
  })
  // Unheard, the end of an idle connection would end the process.
  pool.on('error', (error) => log.warn({ err: error }, 'a connection to Postgres ended'))
  return pool
}
