/** Starts result storage: tables, intakes, answers, purging. */
import type { Actor, Running } from '#shared/actor/actor.ts'
import { answerQueries } from './answer-queries.ts'
import { migrate, openPool } from './database.ts'
import { RETENTION, type Retention } from './retention.ts'
import { storeLogs } from './store-logs.ts'
import { storeRuns } from './store-runs.ts'
import { startUpkeep } from './upkeep.ts'

export async function startResults(
  actor: Actor,
  databaseUrl: string,
  retention: Retention = RETENTION,
): Promise<Running> {
  await migrate(databaseUrl, actor.log, actor.stopping)
  const pool = openPool(databaseUrl, actor.log)
  const runs = storeRuns(actor, databaseUrl)
  const logs = storeLogs(actor, databaseUrl)
  const answers = answerQueries(actor, pool)
  // Once it is ready it can be asked.
  await actor.bus.nc.flush()
  const upkeep = startUpkeep(actor, pool, () => [...runs.held, ...logs.held], retention)
  return {
    async drain() {
      answers[Symbol.dispose]()
      await Promise.all([runs.stop(), logs.stop(), upkeep.stop()])
      await pool.end()
    },
  }
}
