/** Stops what `up` started, whether or not its supervisor still lives. */
import { existsSync, readdirSync, realpathSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { type Environment, readEnvironment, variablesWith } from '#shared/config/environment.ts'
import { homePaths } from '#shared/config/home.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { ActorName } from '#shared/contract/registry.ts'
import { findByArguments } from '#shared/process/find.ts'
import { serverUserFor } from '../postgres/server-user.ts'
import { leftActors } from './actors.ts'
import { supervisorFiles } from './files.ts'
import { lockHolder, takeLock } from './home-lock.ts'
import { removeFile } from './json-file.ts'
import type { PlannedActor } from './plan.ts'
import { isAlive, type ProcessIdentity, signalProcess } from './process-identity.ts'
import { startSystem } from './system.ts'

/** Longer than jobs (45 s), actors (25 s), Postgres (30 s) and broker (15 s) may take one after the other. */
const PATIENCE_MS = 130_000
const FORCED_MS = 20_000

/** False when nothing ran. @throws QubusError `UNREACHABLE` when something could not be ended. */
export async function stopHome(
  home: string,
  say: (text: string) => void,
  signal: AbortSignal,
): Promise<boolean> {
  if (!existsSync(home)) return false
  const environment = readEnvironment(variablesWith({ QUBUS_HOME: realpathSync(home) }))
  const files = supervisorFiles(environment.home)
  const supervisor = lockHolder(files.lock)
  if (supervisor) {
    await endSupervisor(supervisor, say)
    return true
  }
  const left = await leftovers(environment)
  if (!left.any) return false
  say('a supervisor ended without its system: ending what it left')
  const lock = takeLock(files.lock)
  if ('heldBy' in lock)
    throw new QubusError('UNREACHABLE', 'a supervisor has just been started here: try again')
  using _ = lock
  const system = await startSystem({ environment, actors: left.actors, worker: false, say, signal })
  await system.stop(signal)
  removeFile(files.state)
  return true
}

async function endSupervisor(supervisor: ProcessIdentity, say: (text: string) => void): Promise<void> {
  signalProcess(supervisor, 'SIGTERM')
  if (await gone(supervisor, PATIENCE_MS)) return
  say('it takes too long: ending it at once')
  signalProcess(supervisor, 'SIGTERM')
  if (await gone(supervisor, FORCED_MS)) return
  throw new QubusError('UNREACHABLE', `the supervisor (process ${supervisor.pid}) does not end`)
}

async function gone(process: ProcessIdentity, withinMs: number): Promise<boolean> {
  const until = performance.now() + withinMs
  while (isAlive(process)) {
    if (performance.now() > until) return false
    await pause(50)
  }
  return true
}

/** What lives of a system without a supervisor. Jobs need an allocator to end them, so there is always one. */
async function leftovers({ home, cache }: Environment): Promise<{ any: boolean; actors: PlannedActor[] }> {
  const paths = homePaths(home)
  const actors = leftActors(home).flatMap(({ name, args }): PlannedActor[] => {
    const actor = ActorName.safeParse(name.replace(/-\d+$/, '')).data
    return actor === undefined ? [] : [{ name, actor, args }]
  })
  const servers =
    findByArguments('--config', paths.brokerConfig) ??
    findByArguments('-D', (await serverUserFor(home, cache)).data)
  const any = actors.length > 0 || servers !== undefined || hasJobs(paths.jobs)
  const allocator = actors.some(({ actor }) => actor === 'allocator')
  return {
    any,
    actors: allocator ? actors : [...actors, { name: 'allocator', actor: 'allocator', args: [] }],
  }
}

function hasJobs(folder: string): boolean {
  try {
    return readdirSync(folder).some((file) => file.endsWith('.json'))
  } catch {
    return false
  }
}
