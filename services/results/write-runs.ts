/** Writes rows of `RUNS`: one statement a table. What is there already is left as it is. */
import type { ClientBase } from 'pg'
import { type ColumnType, rowsOf } from './columns.ts'
import { type RunRows, SHAPES } from './run-shapes.ts'

export type Written = { runs: number; steps: number }

/** Must run inside the transaction that moves the position. Returns how many rows are new. */
export async function writeRuns(client: ClientBase, rows: RunRows): Promise<Written> {
  const runs = await write(client, 'write-requested', REQUESTED, rows.requested)
  const steps = await write(client, 'write-steps', STEPS, rows.steps)
  await write(client, 'write-attempts', ATTEMPTS, rows.attempts)
  await write(client, 'write-run-attempts', RUN_ATTEMPTS, rows.runAttempts)
  await write(client, 'write-circuits', CIRCUITS, rows.circuits)
  await write(client, 'write-artifacts', ARTIFACTS, rows.artifacts)
  await write(client, 'write-completed', COMPLETED, rows.completed)
  return { runs, steps }
}

type Batch = { count: number; parameters(): Buffer[] }

async function write(client: ClientBase, name: string, text: string, rows: Batch): Promise<number> {
  if (rows.count === 0) return 0
  const result = await client.query({ name, text, values: rows.parameters() })
  return result.rowCount ?? 0
}

/** Columns whose parameter has another type than the table. */
const CAST: Record<string, (name: string) => string> = {
  shard: (name) => `${name}::smallint`,
  error: (name) => `${name}::jsonb`,
  tags: (name) => `${name}::jsonb`,
  counts: (name) => `${name}::jsonb`,
}

function insert(table: string, shape: Record<string, ColumnType>): string {
  const names = Object.keys(shape)
  const values = names.map((name) => cast(name))
  const columns = names.map((name) => `"${name}"`).join(', ')
  return `insert into ${table} (${columns}) select ${values.join(', ')} from ${rowsOf(shape)} on conflict do nothing`
}

function cast(name: string): string {
  if (name === 'at' || name.endsWith('_at') || name === 'scheduled_for')
    return `to_timestamp("${name}" / 1000)`
  return CAST[name]?.(`"${name}"`) ?? `"${name}"`
}

const STEPS = insert('steps', SHAPES.steps)
const ATTEMPTS = insert('attempts', SHAPES.attempts)
const RUN_ATTEMPTS = insert('run_attempts', SHAPES.run_attempts)
const CIRCUITS = insert('circuits', SHAPES.circuits)
const ARTIFACTS = insert('artifacts', SHAPES.artifacts)

const requestedColumns = Object.keys(SHAPES.requested)

const REQUESTED = `
  insert into runs (${requestedColumns.map((name) => `"${name}"`).join(', ')}, state)
  select ${requestedColumns.map(cast).join(', ')}, 'running' from ${rowsOf(SHAPES.requested)}
  on conflict do nothing`

// The row is there unless `requested` was given up as malformed.
const COMPLETED = `
  insert into runs as old (run, shard, flow, name, state, result, result_blob, result_size, error, steps, attempts, requested_at, started_at, ended_at)
  select run, shard::smallint, '', run, state, result, result_blob, result_size, error::jsonb, steps, attempts,
    to_timestamp(started_at / 1000), to_timestamp(started_at / 1000), to_timestamp(ended_at / 1000)
  from ${rowsOf(SHAPES.completed)}
  on conflict (run) do update set
    state = excluded.state, result = excluded.result, result_blob = excluded.result_blob,
    result_size = excluded.result_size, error = excluded.error, steps = excluded.steps, attempts = excluded.attempts,
    started_at = excluded.started_at, ended_at = excluded.ended_at
  where old.ended_at is null`
