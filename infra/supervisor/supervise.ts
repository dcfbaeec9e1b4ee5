/** A supervisor's life: takes the home, starts the system, watches until a signal says stop, leaves nothing behind. */
import { existsSync, mkdirSync, realpathSync } from 'node:fs'
import { loadCluster } from '#shared/cluster/load-cluster.ts'
import { needSlurmCommands } from '#shared/cluster/slurm-commands.ts'
import type { Environment } from '#shared/config/environment.ts'
import { readEnvironment, readHost, variablesWith } from '#shared/config/environment.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { endUnplanned } from './actors.ts'
import { type Summary, type SupervisorState, supervisorFiles } from './files.ts'
import { takeLock } from './home-lock.ts'
import { removeFile, writeJson } from './json-file.ts'
import { type Counts, planActors } from './plan.ts'
import type { ProcessIdentity } from './process-identity.ts'
import { type System, startSystem } from './system.ts'

export type SuperviseOptions = {
  counts: Counts
  /** Cluster file; default: everything on this host. */
  cluster?: string | undefined
  say(text: string): void
  onReady(summary: Summary): void
}

/** `taken`: another supervisor has this home. */
export type Ending = { taken: ProcessIdentity } | { taken?: undefined }

/**
 * Resolves when everything is stopped again.
 * @throws QubusError what kept the system from starting; nothing that was started is left then.
 */
export async function supervise({ counts, cluster, say, onReady }: SuperviseOptions): Promise<Ending> {
  const environment = ownHome()
  // A bad cluster file, and one that can't be used here, is said before anything is started.
  const wanted = loadCluster(cluster)
  needSlurmCommands(wanted, readHost().searchPath)
  const worker = [...wanted.pools.values()].some(
    ({ starts, minimumJobs }) => starts.kind === 'worker' && minimumJobs > 0,
  )
  const files = supervisorFiles(environment.home)
  const lock = takeLock(files.lock)
  if ('heldBy' in lock) return { taken: lock.heldBy }
  using _ = lock
  if (existsSync(files.restoring))
    throw new QubusError(
      'BAD_ENVIRONMENT',
      `a backup was not restored to its end in ${environment.home}: run qubus restore again`,
    )
  const note = (state: Omit<SupervisorState, 'supervisor'>): void =>
    writeJson(files.state, { supervisor: lock.owner, ...state })
  using signals = twoStageStop(say)
  note({ phase: 'starting' })
  let system: System | undefined
  try {
    const actors = planActors(counts, cluster)
    await endUnplanned(environment.home, actors)
    system = await startSystem({ environment, actors, worker, say, signal: signals.stopping })
    await system.ready()
    note({ phase: 'ready', summary: system.summary })
    onReady(system.summary)
    await aborted(signals.stopping)
  } catch (error) {
    if (!signals.stopping.aborted) {
      const { code, message } =
        error instanceof QubusError
          ? error
          : { code: 'INTERNAL', message: String((error as Error).stack ?? error) }
      await system?.stop(signals.force)
      note({ phase: 'failed', error: { code, message } })
      throw error
    }
  }
  note({ phase: 'stopping' })
  await system?.stop(signals.force)
  removeFile(files.state)
  return {}
}

// The broker names its home by its real path; by another name for the same folder nothing would be found again.
function ownHome(): Environment {
  const { home } = readEnvironment()
  mkdirSync(home, { recursive: true, mode: 0o700 })
  return readEnvironment(variablesWith({ QUBUS_HOME: realpathSync(home) }))
}

type TwoStageStop = Disposable & { stopping: AbortSignal; force: AbortSignal }

function twoStageStop(say: (text: string) => void): TwoStageStop {
  const stopping = new AbortController()
  const force = new AbortController()
  const onSignal = (signal: NodeJS.Signals): void => {
    if (stopping.signal.aborted) {
      say('stopping at once')
      force.abort()
    } else {
      say(`${signal}: draining (again: stop at once)`)
      stopping.abort(new QubusError('CANCELLED', 'stopped by a signal'))
    }
  }
  const all = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of all) process.on(signal, onSignal)
  return {
    stopping: stopping.signal,
    force: force.signal,
    [Symbol.dispose]() {
      for (const signal of all) process.off(signal, onSignal)
    },
  }
}

// A listener alone does not keep a process alive.
async function aborted(signal: AbortSignal): Promise<void> {
  const awake = setInterval(() => {}, 60_000)
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
  clearInterval(awake)
}
