/** Result storage as a process. */
import { runActor } from '#shared/actor/run-actor.ts'
import { databaseUrlFrom } from '#shared/config/credentials.ts'
import { RETENTION } from './retention.ts'
import { startResults } from './start.ts'

await runActor({
  name: 'results',
  start: async (actor) =>
    startResults(actor, databaseUrlFrom(actor.environment), { ...RETENTION, ...actor.environment.retention }),
})
