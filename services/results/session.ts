/**
 * One connection to Postgres that holds locks and writes: when it dies, both end together, so nobody writes for a part
 * that somebody else has taken over.
 */
import type { Socket } from 'node:net'
import { Client, type ClientConfig } from 'pg'
import { QubusError } from '#shared/contract/errors.ts'

/** Advisory locks of Qubus, apart from those of others in the same database ("QuBu"). */
const LOCK_CLASS = 0x51754275

/** A session that is silent for longer hangs, or its host is gone: Postgres ends it, and its locks with it. */
const SILENCE_MS = 30_000

export type Session = AsyncDisposable & {
  client: Client
  /** Takes the exclusive lock unless somebody has it. */
  tryLock(key: number): Promise<boolean>
  unlock(key: number): Promise<void>
  /** Says that this session is at work on what `key` stands for. */
  join(key: number): Promise<void>
  /** How many sessions hold each lock. */
  holders(): Promise<Map<number, number>>
  /** @throws what `work` throws, or Postgres, after a rollback. */
  transaction<T>(work: () => Promise<T>): Promise<T>
}

/** @throws QubusError `UNREACHABLE`. */
export async function openSession(databaseUrl: string, name: string): Promise<Session> {
  const config: ClientConfig = {
    connectionString: databaseUrl,
    application_name: name,
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
    // Longer than any batch takes; without it a connection that died silently would be waited for for ever.
    query_timeout: 60_000,
  }
  const client = new Client(config)
  // A lost connection is seen by the next query; unheard, the event would end the process.
  client.on('error', () => {})
  try {
    await client.connect()
    // The rows and the position are lost together or not at all, and read again: no commit need wait for the disk.
    await client.query(
      `set synchronous_commit = off; set idle_session_timeout = ${SILENCE_MS}; set idle_in_transaction_session_timeout = ${SILENCE_MS}`,
    )
  } catch (cause) {
    void client.end().catch(() => {})
    throw new QubusError('UNREACHABLE', `Postgres does not answer: ${(cause as Error).message}`, { cause })
  }
  return {
    client,
    async tryLock(key) {
      const { rows } = await client.query('select pg_try_advisory_lock($1, $2) as got', [LOCK_CLASS, key])
      return rows[0].got as boolean
    },
    async unlock(key) {
      await client.query('select pg_advisory_unlock($1, $2)', [LOCK_CLASS, key])
    },
    async join(key) {
      await client.query('select pg_advisory_lock_shared($1, $2)', [LOCK_CLASS, key])
    },
    async holders() {
      const { rows } = await client.query<{ key: number; holders: number }>({
        name: 'holders',
        text: HOLDERS,
        values: [LOCK_CLASS],
      })
      return new Map(rows.map((row) => [row.key, row.holders]))
    },
    async transaction(work) {
      await client.query('begin')
      try {
        const result = await work()
        await client.query('commit')
        return result
      } catch (error) {
        await client.query('rollback').catch(() => {})
        throw error
      }
    },
    async [Symbol.asyncDispose]() {
      // A connection that hangs is not waited for, and must not keep its locks.
      await Promise.race([client.end().catch(() => {}), new Promise((done) => setTimeout(done, 1_000))])
      ;(client as unknown as { connection?: { stream?: Socket } }).connection?.stream?.destroy()
    },
  }
}

const HOLDERS = `
  select objid::int as key, count(*)::int as holders from pg_locks
  where locktype = 'advisory' and classid = $1 and objsubid = 2 and granted
    and database = (select oid from pg_database where datname = current_database())
  group by objid`
