/** What the supervisor notes in a home, beside what shared/config/home.ts lists. */
import { join } from 'node:path'
import { z } from 'zod'
import { homePaths } from '#shared/config/home.ts'
import { ProcessIdentity } from './process-identity.ts'

export function supervisorFiles(home: string) {
  const paths = homePaths(home)
  return {
    lock: paths.supervisor,
    /** How far the supervisor is, for `up --detach` and a second `up`. */
    state: join(home, 'supervisor-state.json'),
    /** One file a supervised actor: which process it is. */
    processes: join(home, 'processes'),
    process: (name: string) => join(home, 'processes', `${name}.json`),
    /** There while a backup is being restored here. */
    restoring: join(home, 'restoring'),
    logs: paths.logs,
    log: (name: string) => join(paths.logs, `${name}.log`),
  }
}

/** What `up` prints: addresses, no secrets. */
export const Summary = z.object({
  broker: z.string(),
  postgres: z.string(),
  page: z.string().nullable(),
  home: z.string(),
})
export type Summary = z.infer<typeof Summary>

export const SupervisorState = z.object({
  supervisor: ProcessIdentity,
  phase: z.enum(['starting', 'ready', 'stopping', 'failed']),
  summary: Summary.optional(),
  /** What could not be started, and its log file. */
  error: z.object({ code: z.string(), message: z.string() }).optional(),
})
export type SupervisorState = z.infer<typeof SupervisorState>
