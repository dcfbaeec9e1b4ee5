/** `qubus up`: starts a system on this host and supervises it, here or left behind. */
import { existsSync, realpathSync } from 'node:fs'
import { resolve } from 'node:path'
import { detach, untilSystemReady } from '#infra/supervisor/detach.ts'
import { type Summary, supervisorFiles } from '#infra/supervisor/files.ts'
import { lockHolder } from '#infra/supervisor/home-lock.ts'
import { type Counts, DEFAULT_COUNTS } from '#infra/supervisor/plan.ts'
import { supervise } from '#infra/supervisor/supervise.ts'
import { loadCluster } from '#shared/cluster/load-cluster.ts'
import { needSlurmCommands } from '#shared/cluster/slurm-commands.ts'
import { type Environment, readEnvironment, readHost, variablesWith } from '#shared/config/environment.ts'
import { codeOf, ERRORS, QubusError } from '#shared/contract/errors.ts'
import { EXIT } from '../exit-code.ts'
import { emit, say } from '../output.ts'

export type UpOptions = {
  cluster?: string
  detach?: boolean
  coordinators?: number
  allocators?: number
  submitters?: number
  results?: number
  json?: boolean
}

export async function up(options: UpOptions): Promise<number> {
  const counts: Counts = {
    coordinator: options.coordinators ?? DEFAULT_COUNTS.coordinator,
    allocator: options.allocators ?? DEFAULT_COUNTS.allocator,
    submitter: options.submitters ?? DEFAULT_COUNTS.submitter,
    results: options.results ?? DEFAULT_COUNTS.results,
  }
  const cluster = options.cluster === undefined ? undefined : resolve(options.cluster)
  const show = (summary: Summary): void => showSummary(summary, options.json === true)
  // What a person got wrong is said before anything is started.
  needSlurmCommands(loadCluster(cluster), readHost().searchPath)
  const environment = realHome(readEnvironment())
  try {
    const running = lockHolder(supervisorFiles(environment.home).lock)
    if (running) {
      const summary = await untilSystemReady(environment, running)
      say(`it runs already (supervisor ${running.pid}); qubus down ends it`)
      show(summary)
      return EXIT.done
    }
    if (options.detach) {
      show(await detach(environment, counts, cluster))
      return EXIT.done
    }
    const { taken } = await supervise({
      counts,
      cluster,
      say,
      onReady(summary) {
        show(summary)
        say('ready; Ctrl-C drains and stops it')
      },
    })
    if (taken) show(await untilSystemReady(environment, taken))
    return EXIT.done
  } catch (error) {
    throw notUp(error)
  }
}

// By two names of one folder there would be two systems on it.
function realHome(environment: Environment): Environment {
  if (!existsSync(environment.home)) return environment
  return readEnvironment(variablesWith({ QUBUS_HOME: realpathSync(environment.home) }))
}

// Whatever kept it from starting, the system can't be reached; only what was asked wrongly says so.
function notUp(error: unknown): unknown {
  if (
    error instanceof QubusError &&
    ERRORS[codeOf(error) ?? 'INTERNAL'].kind !== 'terminal' &&
    error.code !== 'INTERNAL'
  )
    return error
  return new QubusError('UNREACHABLE', (error as Error).message, { cause: error })
}

function showSummary(summary: Summary, json: boolean): void {
  if (json) return emit(summary)
  say(`broker    ${summary.broker}`)
  say(`postgres  ${summary.postgres}`)
  if (summary.page !== null) say(`page      ${summary.page}`)
  say(`home      ${summary.home}`)
}
