/** Turns requests and backlogs into jobs, and looks after them. */
import { parseArgs } from 'node:util'
import { runActor } from '#shared/actor/run-actor.ts'
import { loadCluster } from '#shared/cluster/load-cluster.ts'
import { jobEnvironment } from './job-spec.ts'
import { startAllocator } from './start-allocator.ts'

const { values } = parseArgs({ options: { cluster: { type: 'string' } } })

await runActor({
  name: 'allocator',
  start: (actor) => {
    const { home, cache, url, credentials, logLevel, forTasks } = actor.environment
    return startAllocator(actor, {
      cluster: loadCluster(values.cluster),
      home,
      jobEnvironment: jobEnvironment(forTasks, {
        QUBUS_HOME: home,
        QUBUS_CACHE: cache,
        QUBUS_URL: url,
        QUBUS_CREDS: credentials,
        QUBUS_LOG_LEVEL: logLevel,
      }),
    })
  },
})
