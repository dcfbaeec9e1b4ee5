/**
 * Takes finished runs off the broker: everything but `requested` and `completed` once a run is safely in Postgres, its
 * flow request is gone and it rests for a day; these two a month later. What stays for good is `retired`: the id is taken.
 */
import type { Pool } from 'pg'
import type { Actor } from '#shared/actor/actor.ts'
import { readLast } from '#shared/bus/direct.ts'
import type { Publisher } from '#shared/bus/publisher.ts'
import { QubusError } from '#shared/contract/errors.ts'
import type { RetiredRecord } from '#shared/contract/run-record.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { filter, record } from '#shared/contract/subjects.ts'
import { encode } from '#shared/wire/message.ts'
import { LOGS_UNIT } from './store-logs.ts'
import { runsUnit } from './store-runs.ts'
import { purgeUpTo } from './stream-api.ts'

const BATCH = 100

type Candidate = {
  run: string
  shard: number
  ended: string
  digest: string | null
  /** A sub-flow: only its parent's coordinator asks for it, and the parent's id stays taken. */
  child: boolean
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
      await purgeUpTo(nc, STREAM.permits, filter.runPermits(run))
      await purgeUpTo(nc, STREAM.submissions, filter.runSubmissions(run))
      await purgeUpTo(nc, STREAM.circuits, filter.runCircuits(run))
      await purgeUpTo(nc, STREAM.allocations, filter.runAllocations(run))
      await purgeUpTo(nc, STREAM.logs, filter.runLogs(run), logsUpTo)
      await purgeUpTo(nc, STREAM.runs, stepsOf(run), upTo)
      await pool.query(PURGED, [run, STREAM.runs])
    }
  }
}

/** One round over all runs whose tombstones are due. */
export async function purgeTombstones(
  actor: Actor,
  pool: Pool,
  records: Pick<Publisher, 'create'>,
  shards: number[],
  tombstoneMs: number,
  signal?: AbortSignal,
): Promise<void> {
  for (let after: Candidate | undefined; !signal?.aborted; ) {
    const due = await candidates(pool, `kept = 'tombstones'`, shards, tombstoneMs, after)
    after = due.at(-1)
    if (after === undefined) return
    for (const { run, shard, digest, child } of due) {
      if (signal?.aborted) return
      const positions = await positionsOf(pool)
      const upTo = positions.get(runsUnit(shard))
      if (upTo === undefined || (await hasRequest(actor, run)) || (await lastRecord(actor, run)) > upTo)
        continue
      const { nc } = actor.bus
      await purgeUpTo(nc, STREAM.runs, stepsOf(run), upTo)
      const retired = child || digest === null ? undefined : await retire(actor, records, run, digest)
      await purgeUpTo(nc, STREAM.runs, record(run).all, retired === undefined ? upTo : retired - 1)
      await pool.query(`update runs set kept = 'nothing' where run = $1`, [run])
    }
  }
}

/** Sequence of the run's `retired`, which is on disk before the rest goes. */
async function retire(
  actor: Actor,
  records: Pick<Publisher, 'create'>,
  run: string,
  digest: string,
): Promise<number> {
  const body: RetiredRecord = { digest, at: Date.now() }
  const { retired } = record(run)
  await records.create({ subject: retired, body: encode(body) })
  const stored = await readLast(actor.bus.nc, STREAM.runs, retired)
  if (stored === undefined) throw new QubusError('UNREACHABLE', `${retired} can't be read back`)
  return stored.sequence
}

function stepsOf(run: string): string {
  return record(run).all.replace(/>$/, 'step.>')
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
    `select run, shard, ended_at::text as ended, digest, parent_run is not null as child from runs
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

/** How far each part of a stream is stored. */
export async function positionsOf(queryable: Pick<Pool, 'query'>): Promise<Map<string, number>> {
  const { rows } = await queryable.query<{ unit: string; position: number }>(
    'select unit, position::float8 as position from positions',
  )
  return new Map(rows.map((row) => [row.unit, row.position]))
}

async function hasRequest(actor: Actor, run: string): Promise<boolean> {
  return (await readLast(actor.bus.nc, STREAM.flows, filter.flowAnyShard(run))) !== undefined
}

/** Sequence of the last record of the run; 0 when there is none. */
async function lastRecord(actor: Actor, run: string): Promise<number> {
  return (await readLast(actor.bus.nc, STREAM.runs, record(run).all))?.sequence ?? 0
}
