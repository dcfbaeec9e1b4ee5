/**
 * What `qubus prune` asks for: runs that ended long ago leave the broker and the tables, a bounded number at a time.
 * Never before a day has passed, and never what a run in progress began or goes on from; the id stays taken (`retired`).
 */
import type { Pool } from 'pg'
import type { Actor } from '#shared/actor/actor.ts'
import { SHARDS } from '#shared/contract/ids.ts'
import type { Answer } from '#shared/contract/query.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { purgeRecords, purgeTombstones } from './purge.ts'

const ALL_SHARDS = Array.from({ length: SHARDS }, (_, shard) => shard)
const RUNS = 200
/** Whoever asked waits for an answer: what is left is left for the next question. */
const BUSY_MS = 4_000

const OF_RUN = ['steps', 'attempts', 'run_attempts', 'circuits', 'artifacts', 'logs', 'runs'] as const

export async function pruneOld(
  actor: Actor,
  pool: Pool,
  { olderThanMs, dryRun }: { olderThanMs: number; dryRun: boolean },
): Promise<Answer<'prune'>> {
  if (dryRun) return countOld(pool, olderThanMs)
  const enough = AbortSignal.timeout(BUSY_MS)
  await purgeRecords(actor, pool, ALL_SHARDS, olderThanMs, enough)
  const records = actor.publisher({ stream: STREAM.runs, whenFull: 'throw' })
  await purgeTombstones(actor, pool, records, ALL_SHARDS, olderThanMs, enough)
  const { rows } = await pool.query<{ run: string }>(
    `select run from runs r where ${OLD} and kept = 'nothing' order by ended_at limit ${RUNS}`,
    [olderThanMs / 1000],
  )
  const due = rows.map(({ run }) => run)
  const done = await remove(pool, due)
  return { ...done, more: due.length === RUNS || enough.aborted }
}

// One transaction: a run's own row, by which the others are found again, goes with them.
async function remove(pool: Pool, runs: string[]): Promise<Omit<Answer<'prune'>, 'more'>> {
  const client = await pool.connect()
  let broken: Error | undefined
  try {
    await client.query('begin')
    const found: Found[] = []
    for (const table of OF_RUN) {
      const { rows } = await client.query<Figures>(
        `with gone as (delete from ${table} t where run = any($1) returning pg_column_size(t.*) as bytes)
         select count(*)::float8 as rows, coalesce(sum(bytes), 0)::float8 as bytes from gone`,
        [runs],
      )
      found.push({ table, rows: rows[0]?.rows ?? 0, bytes: rows[0]?.bytes ?? 0 })
    }
    await client.query('commit')
    return figuresOf(found)
  } catch (error) {
    broken = error as Error
    throw error
  } finally {
    client.release(broken)
  }
}

async function countOld(pool: Pool, olderThanMs: number): Promise<Answer<'prune'>> {
  const found: Found[] = []
  for (const table of OF_RUN) {
    const { rows } = await pool.query<Figures>(
      `select count(*)::float8 as rows, coalesce(sum(pg_column_size(t.*)), 0)::float8 as bytes
       from ${table} t where run in (select run from runs r where ${OLD})`,
      [olderThanMs / 1000],
    )
    found.push({ table, rows: rows[0]?.rows ?? 0, bytes: rows[0]?.bytes ?? 0 })
  }
  return { ...figuresOf(found), more: false }
}

type Figures = { rows: number; bytes: number }
type Found = Figures & { table: string }

function figuresOf(found: Found[]): Omit<Answer<'prune'>, 'more'> {
  return {
    runs: found.find(({ table }) => table === 'runs')?.rows ?? 0,
    rows: found.reduce((sum, { rows }) => sum + rows, 0),
    bytes: found.reduce((sum, { bytes }) => sum + bytes, 0),
  }
}

const OLD = `
  r.ended_at < now() - make_interval(secs => $1) and not exists (
    select from runs active where active.ended_at is null
      and (active.resumes = r.run or active.run = r.parent_run or active.run = r.root_run))`
