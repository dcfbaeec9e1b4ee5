/** A whole system on one host: servers first, then streams, then actors; and the other way round at the end. */
import { hostname } from 'node:os'
import { connectBus } from '#shared/bus/connect.ts'
import { provisionStreams } from '#shared/bus/streams.ts'
import { connectionFor } from '#shared/config/credentials.ts'
import type { Environment } from '#shared/config/environment.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { makePrivateFolder } from '../process/private-file.ts'
import { keepActor } from './actors.ts'
import { streamBudget } from './disk-budget.ts'
import { endJobs } from './end-jobs.ts'
import { type Summary, supervisorFiles } from './files.ts'
import type { Keeper } from './keeper.ts'
import { tailOf } from './log-file.ts'
import type { PlannedActor } from './plan.ts'
import { untilReady } from './readiness.ts'
import { addressOf, keepBroker, keepPostgres, type Server } from './servers.ts'

export type SystemOptions = {
  environment: Environment
  actors: PlannedActor[]
  /** Whether the cluster keeps a worker at all times, so that there will be one without any work. */
  worker: boolean
  say(text: string): void
  /** Ends the start; what was started is stopped. */
  signal: AbortSignal
}

export type System = {
  summary: Summary
  /** Resolves when all actors, and a worker where one is kept, are ready. @throws QubusError `UNREACHABLE`. */
  ready(): Promise<void>
  /** Drains, then stops all; `force` ends the patience. */
  stop(force?: AbortSignal): Promise<void>
}

/** @throws QubusError `UNREACHABLE` or `BAD_ENVIRONMENT`; then nothing that was started is left. */
export async function startSystem({
  environment,
  actors,
  worker,
  say,
  signal,
}: SystemOptions): Promise<System> {
  const files = supervisorFiles(environment.home)
  for (const folder of [environment.home, files.processes, files.logs]) await makePrivateFolder(folder)
  const kept: Kept = { broker: undefined, postgres: undefined, actors: [] }
  const stop = (force?: AbortSignal): Promise<void> => stopAll(kept, environment, say, force)
  try {
    await startServers(kept, environment, say, signal)
    await provision(environment)
    signal.throwIfAborted()
    kept.actors = await Promise.all(actors.map((planned) => keepActor(planned, environment.home, say)))
  } catch (error) {
    await stop(AbortSignal.abort())
    throw error
  }
  return {
    summary: summaryOf(kept, environment),
    ready: () => whenReady(kept, environment, worker, signal),
    stop,
  }
}

type Kept = { broker: Server | undefined; postgres: Server | undefined; actors: Keeper[] }

// All are waited for, so that one that fails leaves no other behind unseen.
async function startServers(
  kept: Kept,
  environment: Environment,
  say: (text: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const starts = [
    environment.url === undefined
      ? keepBroker(environment, say, signal).then((server) => {
          kept.broker = server
        })
      : undefined,
    environment.databaseUrl === undefined
      ? keepPostgres(environment, say).then((server) => {
          kept.postgres = server
        })
      : undefined,
  ]
  const failed = (await Promise.allSettled(starts)).find((result) => result.status === 'rejected')
  if (failed) throw failed.reason
}

async function provision(environment: Environment): Promise<void> {
  await using bus = await connectBus(await connectionFor('admin', environment), 'supervisor')
  await provisionStreams(bus.nc, await streamBudget(environment.home, bus.nc))
}

const READY_MS = 90_000
/** An actor that dies this often before it was ever ready will not get there. */
const HOPELESS = 5

async function whenReady(
  kept: Kept,
  environment: Environment,
  worker: boolean,
  signal: AbortSignal,
): Promise<void> {
  await using bus = await connectBus(await connectionFor('admin', environment), 'supervisor')
  const waited = kept.actors.map((keeper) => ({ name: keeper.name, pid: () => keeper.current?.identity.pid }))
  const hopeless = new AbortController()
  const watch = setInterval(() => {
    const dying = kept.actors.find((keeper) => keeper.deaths >= HOPELESS)
    if (dying) hopeless.abort(notStarting(dying.name, environment.home))
  }, 100)
  try {
    const expected = { actors: waited, worker }
    await untilReady(bus.nc, hostname(), expected, READY_MS, AbortSignal.any([signal, hopeless.signal]))
  } finally {
    clearInterval(watch)
  }
}

function notStarting(name: string, home: string): QubusError {
  const log = supervisorFiles(home).log(name)
  return new QubusError('UNREACHABLE', `${name} does not stay up; the end of ${log}:\n${tailOf(log)}`, {
    facts: { actor: name, log },
  })
}

function summaryOf({ broker, postgres }: Kept, { home, url, databaseUrl }: Environment): Summary {
  return {
    broker: broker?.address() ?? url ?? '',
    postgres: postgres?.address() ?? (databaseUrl === undefined ? '' : addressOf({ url: databaseUrl })),
    page: null,
    home,
  }
}

async function stopAll(
  kept: Kept,
  environment: Environment,
  say: (text: string) => void,
  force?: AbortSignal,
): Promise<void> {
  if (!force?.aborted && kept.actors.length > 0) await endAllJobs(environment, say, force)
  // Result storage last: what the others still write is stored.
  const [last, first] = partition(kept.actors, (keeper) => keeper.name.startsWith('results'))
  await Promise.all(first.map((keeper) => keeper.stop(force)))
  await Promise.all(last.map((keeper) => keeper.stop(force)))
  await kept.postgres?.keeper.stop(force)
  await kept.broker?.keeper.stop(force)
}

async function endAllJobs(
  environment: Environment,
  say: (text: string) => void,
  force?: AbortSignal,
): Promise<void> {
  try {
    await using bus = await connectBus(await connectionFor('admin', environment), 'supervisor', 5_000)
    const ended = endJobs(bus.nc, say)
    const forced = new Promise<true>((resolve) =>
      force?.addEventListener('abort', () => resolve(true), { once: true }),
    )
    if (!(await Promise.race([ended, forced])))
      say('no allocator answered: jobs may be left (qubus up, then down, ends them)')
  } catch (error) {
    say(`jobs could not be ended: ${(error as Error).message}`)
  }
}

function partition<T>(all: T[], which: (one: T) => boolean): [yes: T[], no: T[]] {
  return [all.filter(which), all.filter((one) => !which(one))]
}
