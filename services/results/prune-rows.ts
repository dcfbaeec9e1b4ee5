/** Removes rows by the age of their runs, a bounded number at a time: rows of a run only when the broker has nothing of it. */
import type { Pool } from 'pg'
import type { Retention } from './retention.ts'

const RUNS = 100
const ROWS = 10_000

const OF_RUN = ['steps', 'attempts', 'run_attempts', 'circuits', 'artifacts', 'logs'] as const

/** One round. Returns how many runs lost their log lines, and how many all their rows. */
export async function pruneRows(
  pool: Pool,
  { logs, runs }: Pick<Retention, 'logs' | 'runs'>,
  signal?: AbortSignal,
): Promise<{ logs: number; runs: number }> {
  const pruned = { logs: 0, runs: 0 }
  for (;;) {
    const due = await dueRuns(pool, 'logs_kept', logs)
    if (due.length === 0) break
    if (!(await removeRows(pool, 'logs', due, signal))) return pruned
    await pool.query('update runs set logs_kept = false where run = any($1)', [due])
    pruned.logs += due.length
  }
  for (;;) {
    const due = await dueRuns(pool, `kept = 'nothing'`, runs)
    if (due.length === 0) return pruned
    for (const table of OF_RUN) if (!(await removeRows(pool, table, due, signal))) return pruned
    await pool.query('delete from runs where run = any($1)', [due])
    pruned.runs += due.length
  }
}

async function dueRuns(pool: Pool, which: string, ageMs: number): Promise<string[]> {
  const { rows } = await pool.query<{ run: string }>(
    `select run from runs where ${which} and ended_at < now() - make_interval(secs => $1) order by ended_at limit ${RUNS}`,
    [ageMs / 1000],
  )
  return rows.map(({ run }) => run)
}

/** False when it was told to stop. */
async function removeRows(
  pool: Pool,
  table: (typeof OF_RUN)[number],
  runs: string[],
  signal: AbortSignal | undefined,
): Promise<boolean> {
  for (;;) {
    if (signal?.aborted) return false
    const { rowCount } = await pool.query(
      `delete from ${table} where ctid = any(array(select ctid from ${table} where run = any($1) limit ${ROWS}))`,
      [runs],
    )
    if ((rowCount ?? 0) < ROWS) return true
  }
}
