/** Result storage as a process. */
import { getPriority, setPriority } from 'node:os'
import { runActor } from '#shared/actor/run-actor.ts'
import { databaseUrlFrom } from '#shared/config/credentials.ts'
import { RETENTION } from './retention.ts'
import { startResults } from './start.ts'

/** History can wait: on a machine that is busy, what flows wait for comes first (a third of the share of others). */
const NICENESS = 5

setPriority(Math.max(getPriority(), NICENESS))
await runActor({
  name: 'results',
  start: async (actor) =>
    startResults(actor, databaseUrlFrom(actor.environment), { ...RETENTION, ...actor.environment.retention }),
})
