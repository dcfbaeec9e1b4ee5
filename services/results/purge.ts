/**
 * Takes finished runs off the broker: everything but `requested` and `completed` once a run is safely in Postgres, its
 * flow request is gone and it rests for a day; these two a month later. Its rows in Postgres stay, and with them its id.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { Pool } from 'pg'
import type { Actor } from '#shared/actor/actor.ts'
import { readLast } from '#shared/bus/direct.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { filter, record, subject } from '#shared/contract/subjects.ts'
import { LOGS_UNIT } from './store-logs.ts'
import { runsUnit, shardOfUnit } from './store-runs.ts'
import { purgeUpTo } from './stream-api.ts'

export type Retention = {
  /** Milliseconds from a run's end to the purge of its records; longer than any ack_wait. */
  keepMs: number
  /** Milliseconds from a run's end to the purge of its tombstones. */
  tombstoneMs: number
  /** Pause between two rounds. */
  everyMs: number
}

const HOUR = 3600 * 1000
export const RETENTION: Retention = { keepMs: 24 * HOUR, tombstoneMs: 30 * 24 * HOUR, everyMs: 60_000 }

const BATCH = 100

type Candidate = { run: string; shard: number; ended: string }

/** Purges until `stop`, the runs of the parts of `RUNS` that this actor stores. */
export function startPurging(
  actor: Actor,
  pool: Pool,
  held: () => string[],
  retention: Retention,
): { stop(): Promise<void> } {
  const stopping = new AbortController()
  const rounds = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      try {
        const shards = held().map(shardOfUnit)
        await purgeRecords(actor, pool, shards, retention.keepMs, stopping.signal)
        await purgeTombstones(actor, pool, shards, retention.tombstoneMs, stopping.signal)
      } catch (error) {
        actor.log.warn({ err: error }, 'purging was interrupted')
      }
      await pause(retention.everyMs, undefined, { signal: stopping.signal }).catch(() => {})
    }
  }
  const ended = rounds()
  return {
    async stop() {
      stopping.abort()
      await ended
    },
  }
}

/** One round over all runs whose records are due. */
export async function purgeRecords(
  actor: Actor,
  pool: Pool,
  shards: number[],
  keepMs: number,
  signal?: AbortSignal,
): Promise<void> {
  for (let after: Candidate | undefined; !signal?.aborted; ) {
    const due = await candidates(pool, `kept in ('whole', 'purging')`, shards, keepMs, after)
    after = due.at(-1)
    if (after === undefined) return
    const marked = await markPurgeable(actor, pool, due)
    for (const { run, upTo, logsUpTo } of marked) {
      if (signal?.aborted) return
      const { nc } = actor.bus
      await purgeUpTo(nc, STREAM.tasks, filter.runTasks(run))
      await purgeUpTo(nc, STREAM.submissions, filter.runSubmissions(run))
      await purgeUpTo(nc, STREAM.circuits, filter.runCircuits(run))
      await purgeUpTo(nc, STREAM.allocations, filter.runAllocations(run))
      await purgeUpTo(nc, STREAM.logs, filter.runLogs(run), logsUpTo)
      await purgeUpTo(nc, STREAM.runs, record(run).all.replace(/>$/, 'step.>'), upTo)
      await pool.query(PURGED, [run, STREAM.runs])
    }
  }
}

/** One round over all runs whose tombstones are due. */
export async function purgeTombstones(
  actor: Actor,
  pool: Pool,
  shards: number[],
  tombstoneMs: number,
  signal?: AbortSignal,
): Promise<void> {
  for (let after: Candidate | undefined; !signal?.aborted; ) {
    const due = await candidates(pool, `kept = 'tombstones'`, shards, tombstoneMs, after)
    after = due.at(-1)
    if (after === undefined) return
    for (const { run, shard } of due) {
      if (signal?.aborted) return
      const positions = await positionsOf(pool)
      const upTo = positions.get(runsUnit(shard))
      if (upTo === undefined || (await hasRequest(actor, run)) || (await lastRecord(actor, run)) > upTo)
        continue
      await purgeUpTo(actor.bus.nc, STREAM.runs, record(run).all, upTo)
      await pool.query(`update runs set kept = 'nothing' where run = $1`, [run])
    }
  }
}

const PURGED = `
  with done as (update runs set kept = 'tombstones' where run = $1 and kept = 'purging' returning shard)
  update positions set purged = purged + 1 from done where unit = $2 || '.' || shard`

async function candidates(
  pool: Pool,
  kept: string,
  shards: number[],
  ageMs: number,
  after: Candidate | undefined,
): Promise<Candidate[]> {
  const { rows } = await pool.query<Candidate>(
    `select run, shard, ended_at::text as ended from runs
     where ${kept} and ended_at is not null and ended_at < now() - make_interval(secs => $1) and shard = any($2)
       and ($3::timestamptz is null or (ended_at, run) > ($3, $4))
     order by ended_at, run limit ${BATCH}`,
    [ageMs / 1000, shards, after?.ended, after?.run],
  )
  return rows
}

type Purgeable = { run: string; upTo: number; logsUpTo: number }

/**
 * Of the candidates, those that nobody can need any more, marked in Postgres. The commit waits for the disk, and with
 * it for everything that was committed before: not until then may the broker forget.
 */
async function markPurgeable(actor: Actor, pool: Pool, due: Candidate[]): Promise<Purgeable[]> {
  const client = await pool.connect()
  let broken: Error | undefined
  try {
    await client.query('begin; set local synchronous_commit = on')
    const { rows } = await client.query<{ run: string; shard: number }>(
      `select run, shard from runs where run = any($1) and kept in ('whole', 'purging') for update skip locked`,
      [due.map((each) => each.run)],
    )
    const positions = await positionsOf(client)
    const purgeable: Purgeable[] = []
    for (const { run, shard } of rows) {
      const upTo = positions.get(runsUnit(shard))
      if (upTo === undefined || (await hasRequest(actor, run)) || (await lastRecord(actor, run)) > upTo)
        continue
      purgeable.push({ run, upTo, logsUpTo: positions.get(LOGS_UNIT) ?? 0 })
    }
    await client.query(`update runs set kept = 'purging' where run = any($1)`, [
      purgeable.map((each) => each.run),
    ])
    await client.query('commit')
    return purgeable
  } catch (error) {
    broken = error as Error
    throw error
  } finally {
    client.release(broken)
  }
}

async function positionsOf(queryable: Pick<Pool, 'query'>): Promise<Map<string, number>> {
  const { rows } = await queryable.query<{ unit: string; position: number }>(
    'select unit, position::float8 as position from positions',
  )
  return new Map(rows.map((row) => [row.unit, row.position]))
}

async function hasRequest(actor: Actor, run: string): Promise<boolean> {
  return (await readLast(actor.bus.nc, STREAM.flows, subject.flow(run))) !== undefined
}

/** Sequence of the last record of the run; 0 when there is none. */
async function lastRecord(actor: Actor, run: string): Promise<number> {
  return (await readLast(actor.bus.nc, STREAM.runs, record(run).all))?.sequence ?? 0
}
