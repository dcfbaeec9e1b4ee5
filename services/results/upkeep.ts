/** What results lets go of, round after round: runs on the broker, rows, blobs, dead letters. Sooner while the broker fills. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Pool } from 'pg'
import type { Actor } from '#shared/actor/actor.ts'
import { BLOB_BUCKET, STREAM } from '#shared/contract/streams.ts'
import { filter } from '#shared/contract/subjects.ts'
import { blobCollector } from './collect-blobs.ts'
import { pruneRows } from './prune-rows.ts'
import { purgeRecords, purgeTombstones } from './purge.ts'
import { confirmMs, FILLING, hastened, type Retention } from './retention.ts'
import { LOGS_UNIT } from './store-logs.ts'
import { shardOfUnit } from './store-runs.ts'
import { fillOf, purgeBefore } from './stream-api.ts'

/** What a run fills. */
const FILLED_BY_RUNS = [
  STREAM.runs,
  STREAM.tasks,
  STREAM.submissions,
  STREAM.permits,
  STREAM.circuits,
  STREAM.allocations,
] as const

/** Rows, blobs and dead letters go by the hour: they take reading, and nobody waits for the space. */
const LARGE_ROUND_MS = 3600 * 1000

/** @param held parts of the streams that this actor stores: it sees to their runs; who has the logs, to what is common. */
export function startUpkeep(
  actor: Actor,
  pool: Pool,
  held: () => string[],
  retention: Retention,
): { stop(): Promise<void> } {
  const stopping = new AbortController()
  const { signal } = stopping
  const records = actor.publisher({ stream: STREAM.runs, whenFull: 'throw' })
  const blobs = blobCollector(actor, pool)
  let largeRound = Number.NEGATIVE_INFINITY
  let lookedAtBlobs = Number.NEGATIVE_INFINITY
  const round = async (): Promise<number> => {
    const { nc } = actor.bus
    const fill = Math.max(...(await Promise.all(FILLED_BY_RUNS.map((stream) => fillOf(nc, stream)))))
    const blobFill = await fillOf(nc, `OBJ_${BLOB_BUCKET}`)
    const now = hastened(retention, fill, blobFill)
    const shards = held()
      .map(shardOfUnit)
      .filter((shard) => shard >= 0)
    await purgeRecords(actor, pool, shards, now.log, signal)
    await purgeTombstones(actor, pool, records, shards, now.tombstones, signal)
    if (!held().includes(LOGS_UNIT)) return now.everyMs
    const large = performance.now() - largeRound >= Math.min(LARGE_ROUND_MS, retention.everyMs * 60)
    if (large || (blobFill >= FILLING && performance.now() - lookedAtBlobs >= confirmMs(now) / 4)) {
      lookedAtBlobs = performance.now()
      const removed = await blobs.collect(now, Date.now())
      if (removed > 0) actor.log.info({ removed }, 'blobs that nothing refers to were removed')
      const pieces = await blobs.collectPieces(Date.now())
      if (pieces > 0) actor.log.info({ pieces }, 'pieces of blobs that were never stored whole were removed')
    }
    if (!large) return now.everyMs
    largeRound = performance.now()
    const pruned = await pruneRows(pool, now, signal)
    if (pruned.logs + pruned.runs > 0) actor.log.info(pruned, 'rows of old runs were removed')
    await purgeBefore(nc, STREAM.dead, filter.dead, Date.now() - now.dead)
    return now.everyMs
  }
  const rounds = async (): Promise<void> => {
    while (!signal.aborted) {
      const wait = await round().catch((error: unknown) => {
        actor.log.warn({ err: error }, 'upkeep was interrupted')
        return retention.everyMs
      })
      await pause(wait, undefined, { signal }).catch(() => {})
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
