/** The SQL behind each question. Answers are rows; the door (answer-queries.ts) cuts them to what one message holds. */
import type { Pool } from 'pg'
import type { z } from 'zod'
import type { Failure } from '#shared/contract/failure.ts'
import type { Answer, QUERIES } from '#shared/contract/query.ts'
import { fromColumns } from './payload-columns.ts'

type Asked<N extends keyof typeof QUERIES> = z.infer<(typeof QUERIES)[N]['question']>
type Listed<N extends keyof typeof QUERIES, K extends string> =
  Answer<N> extends Record<K, (infer Row)[]> ? Row[] : never

const ms = (column: string): string => `(extract(epoch from ${column}) * 1000)::float8`

/** A row without what is null: optional fields are absent, not null. */
function present<T>(row: Record<string, unknown>): T {
  for (const key of Object.keys(row)) if (row[key] === null) delete row[key]
  return row as T
}

const RUN = `
  select run, flow, name, state, project, "user", tags, priority, parent_run as parent,
    resumes, schedule, attempts,
    coalesce(steps, (select count(*)::int from steps s where s.run = r.run)) as steps,
    ${ms('requested_at')} as "requestedAt", ${ms('coalesce(started_at, accepted_at)')} as "startedAt",
    ${ms('ended_at')} as "endedAt", error
  from runs r`

export async function listRuns(
  pool: Pool,
  { limit, after, state, flow, project, user, tag, schedule, since }: Asked<'runs'>,
): Promise<Listed<'runs', 'runs'>> {
  const { rows } = await pool.query(
    `${RUN} where ($2::text is null or state = $2) and ($3::text is null or flow = $3) and ($4::text is null or project = $4)
       and ($6::text is null or "user" = $6) and ($7::text is null or tags ? $7) and ($8::text is null or schedule = $8)
       and ($9::float8 is null or requested_at >= to_timestamp($9 / 1000))
       and ($5::text is null or (requested_at, run) < (select n.requested_at, n.run from runs n where n.run = $5))
     order by requested_at desc, run desc limit $1`,
    [limit, state, flow, project, after, user, tag, schedule, since],
  )
  // A list shows what went wrong, not where: stacks and properties would fill the message.
  return rows.map((row) => ({
    ...present<Listed<'runs', 'runs'>[number]>(row),
    ...(row.error ? { error: withoutStack(row.error) } : {}),
  }))
}

function withoutStack({ stack: _, properties: _own, errors: _errors, cause, ...error }: Failure): Failure {
  return cause === undefined ? error : { ...error, cause: withoutStack(cause) }
}

export async function findRun(pool: Pool, run: string): Promise<Answer<'run'>['run']> {
  const { rows } = await pool.query(`${RUN} where run = $1`, [run])
  return rows[0] === undefined ? null : present(rows[0])
}

/** Attempts of a flow as a whole that failed and were followed by another one. */
export async function listRunAttempts(
  pool: Pool,
  run: string,
): Promise<NonNullable<Answer<'run'>['attempts']>> {
  const { rows } = await pool.query(
    `select attempt, error, base, ${ms('failed_at')} as "failedAt", ${ms('due_at')} as "dueAt"
     from run_attempts where run = $1 order by attempt limit 100`,
    [run],
  )
  return rows.map((row) => ({ ...row, error: withoutStack(row.error) }))
}

export async function findOutcome(pool: Pool, run: string): Promise<Answer<'outcome'>['outcome']> {
  const { rows } = await pool.query(
    `select flow, state, result, result_blob, result_size, error, coalesce(steps, 0) as steps,
       ${ms('coalesce(started_at, accepted_at, requested_at)')} as "startedAt", ${ms('ended_at')} as "endedAt"
     from runs where run = $1 and ended_at is not null`,
    [run],
  )
  if (rows[0] === undefined) return null
  const { result, result_blob, result_size, ...row } = rows[0]
  const stored = result !== null || result_blob !== null
  return {
    ...present<NonNullable<Answer<'outcome'>['outcome']>>(row),
    ...(stored ? { result: fromColumns(result, result_blob, result_size) } : {}),
  }
}

export async function listSteps(
  pool: Pool,
  { run, after, limit }: Asked<'steps'>,
): Promise<Listed<'steps', 'steps'>> {
  const { rows } = await pool.query(
    `select step, coalesce(label, name) as name, kind, state, pool, device, attempt as attempts, node, job,
       ${ms('queued_at')} as "queuedAt", ${ms('started_at')} as "startedAt", ${ms('ended_at')} as "endedAt",
       extract(epoch from ended_at - started_at)::float8 as seconds, error,
       case when from_how is not null then json_build_object('how', from_how, 'run', from_run, 'step', from_step) end as "from"
     from steps where run = $1 and step > $2 order by step limit $3`,
    [run, after, limit],
  )
  return rows.map(present<Listed<'steps', 'steps'>[number]>)
}

const LOST: Failure = {
  code: 'LOST',
  name: 'Error',
  message: 'the attempt was taken up again because its worker vanished',
}

/** Whole steps only, so that the last step's number is where the next page begins. */
export async function listAttempts(
  pool: Pool,
  { run, after, limit }: Asked<'attempts'>,
): Promise<Listed<'attempts', 'attempts'>> {
  const { rows } = await pool.query(
    `select step, attempt, nth, error, uncharged, ${ms('started_at')} as "startedAt", ${ms('ended_at')} as "endedAt"
     from attempts where run = $1 and step > $2 order by step fetch first $3 rows with ties`,
    [run, after, limit],
  )
  return rows
    .sort((a, b) => a.step - b.step || a.attempt - b.attempt || a.nth - b.nth)
    .map(({ nth: _, ...row }) => ({ ...row, error: row.error ?? LOST }))
}

export async function listLogs(
  pool: Pool,
  { run, after, limit }: Asked<'logs'>,
): Promise<Listed<'logs', 'lines'>> {
  const { rows } = await pool.query(
    `select id::float8 as id, step, attempt, ${ms('at')} as at, level, stream, text, fields
     from logs where run = $1 and id > $2 order by id limit $3`,
    [run, after, limit],
  )
  return rows
}

export type StoredArtifact = {
  step: number
  key: string
  type: string
  at: number
  value: Buffer | null
  value_blob: string | null
  value_size: string
}

export async function listArtifacts(
  pool: Pool,
  { run, after, limit }: Asked<'artifacts'>,
): Promise<StoredArtifact[]> {
  const { rows } = await pool.query(
    `select step, key, type, ${ms('at')} as at, value, value_blob, value_size from artifacts where run = $1
     order by step, nth offset $2 limit $3`,
    [run, after, limit],
  )
  return rows
}

export async function listCircuits(
  pool: Pool,
  { run, after, limit }: Asked<'circuits'>,
): Promise<Listed<'circuits', 'circuits'>> {
  const { rows } = await pool.query(
    `select step, name, device, method, shots::float8 as shots, seed, seconds, counts
     from circuits where run = $1 and step > $2 order by step limit $3`,
    [run, after, limit],
  )
  return rows
}

export type StoredPosition = { unit: string; position: number }

export async function storageTotals(pool: Pool) {
  const totals = await pool.query(
    `select coalesce(sum(runs), 0)::float8 as runs, coalesce(sum(steps), 0)::float8 as steps,
       coalesce(sum(purged), 0)::float8 as purged, current_setting('server_version') as postgres from positions`,
  )
  const positions = await pool.query<StoredPosition>(
    'select unit, position::float8 as position from positions',
  )
  return { ...totals.rows[0], positions: positions.rows } as {
    runs: number
    steps: number
    purged: number
    postgres: string
    positions: StoredPosition[]
  }
}
