/** `qubus prune`: runs that ended long ago are removed. */
import { connect } from '#shared/client/client.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { EXIT } from '../exit-code.ts'
import { emit, say } from '../output.ts'
import { formatBytes } from '../terminal/bytes.ts'
import { parseDuration } from '../terminal/duration.ts'

export type PruneOptions = { olderThan: string; dryRun?: boolean; json?: boolean }

const DAY_SECONDS = 24 * 3600

export async function prune({ olderThan, dryRun = false, json }: PruneOptions): Promise<number> {
  const seconds = parseDuration('--older-than', olderThan)
  if (seconds < DAY_SECONDS)
    throw new QubusError(
      'INVALID_OPTION',
      `--older-than ${olderThan}: a run is kept for a day after its end; write 24h or more, for example 30d`,
    )
  await using client = await connect()
  const removed = { runs: 0, rows: 0, bytes: 0 }
  for (let more = true; more; ) {
    const answer = await client.query('prune', { olderThanMs: seconds * 1000, dryRun })
    removed.runs += answer.runs
    removed.rows += answer.rows
    removed.bytes += answer.bytes
    more = answer.more
    if (more) say(`${removed.runs} runs so far`)
  }
  if (json) emit({ ...removed, dryRun, olderThanSeconds: seconds })
  else
    say(
      `${removed.runs} runs that ended more than ${olderThan} ago ${dryRun ? 'would be' : 'were'} removed: ${removed.rows} rows, ${formatBytes(removed.bytes)}`,
    )
  return EXIT.done
}
