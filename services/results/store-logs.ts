/** `LOGS` into logs. The subjects have no shard: one actor stores them all, another takes over when it is gone. */
import type { Actor } from '#shared/actor/actor.ts'
import { SHARDS } from '#shared/contract/ids.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { filter } from '#shared/contract/subjects.ts'
import { type Intake, startIntake } from './intake.ts'
import { addLines, noLogRows, writeLogs } from './log-rows.ts'

/** Key of the lock; those of `RUNS` and its roll-call come before it. */
const FIRST_LOCK = SHARDS + 1

/** The broker keeps `LOGS` without waiting for the disk: its last messages may vanish with it, and their numbers be used again. */
const OVERLAP = 10_000

export const LOGS_UNIT = STREAM.logs

export function storeLogs(actor: Actor, databaseUrl: string): Intake {
  return startIntake(actor, databaseUrl, {
    stream: STREAM.logs,
    units: [{ name: LOGS_UNIT, filter: filter.logs }],
    firstLock: FIRST_LOCK,
    unitOf: () => 0,
    filter: filter.logs,
    overlap: OVERLAP,
    async prepare(batch, reject) {
      const rows = noLogRows()
      for (const delivery of batch) {
        try {
          addLines(rows, delivery)
        } catch (error) {
          reject(delivery, error)
        }
      }
      return async (client) => {
        await writeLogs(client, rows)
        return { runs: 0, steps: 0 }
      }
    },
  })
}
