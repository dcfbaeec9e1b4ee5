/** The broker and Postgres as things to keep running. They are found again by their own arguments, so nothing is noted. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Environment } from '#shared/config/environment.ts'
import { homePaths } from '#shared/config/home.ts'
import { findBroker } from '../broker/find-broker.ts'
import { startBroker } from '../broker/start-broker.ts'
import { watchStore } from '../broker/watch-store.ts'
import { startPostgres } from '../postgres/start-postgres.ts'
import { type Keeper, keep } from './keeper.ts'
import { identityOf } from './process-identity.ts'
import type { RunningProcess } from './running-process.ts'

export type Server = { keeper: Keeper; address(): string }

type Say = (text: string) => void

/** @throws QubusError `UNREACHABLE` when it can't be started. */
export async function keepBroker(
  { home, cache }: Environment,
  say: Say,
  signal: AbortSignal,
): Promise<Server> {
  const binary = await findBroker({ cache, say, signal })
  const start = async (): Promise<Started> => {
    const broker = await startBroker({ home, binary })
    const { brokerLog: log, brokerStore: store } = homePaths(home)
    const onRoom = (): void => {
      say('the broker could not write to its disk; there is room again: it is started anew')
      void broker.stop()
    }
    void broker.exited.then(watchStore({ log, store, onRoom }))
    return broker
  }
  return keepServer({ name: 'broker', start, endWith: 'SIGTERM', graceMs: 15_000 }, say)
}

/** @throws QubusError `UNREACHABLE` when it can't be started. */
export function keepPostgres({ home, cache }: Environment, say: Say): Promise<Server> {
  // SIGINT is Postgres' fast shutdown: sessions are ended, what was committed is on disk.
  return keepServer(
    { name: 'postgres', start: () => startPostgres({ home, cache }), endWith: 'SIGINT', graceMs: 30_000 },
    say,
  )
}

type Started = { url: string; pid: number; exited: Promise<void> }

type ServerOptions = {
  name: string
  start(): Promise<Started>
  endWith: NodeJS.Signals
  graceMs: number
}

async function keepServer({ name, start, endWith, graceMs }: ServerOptions, say: Say): Promise<Server> {
  let where = ''
  const keeper = keep(
    {
      name,
      async start() {
        const started = await start()
        where = addressOf(started)
        return asProcess(started)
      },
      note() {},
      endWith,
      graceMs,
    },
    say,
  )
  try {
    await keeper.started
  } catch (error) {
    await keeper.stop()
    throw error
  }
  return { keeper, address: () => where }
}

async function asProcess({ pid, exited }: Started): Promise<RunningProcess> {
  const identity = identityOf(pid)
  // It died between its start and this line: the keeper starts it again.
  if (identity === undefined) {
    await Promise.race([exited, pause(1_000)])
    throw new Error('it ended at once')
  }
  return { identity, exited: exited.then(() => 'ended') }
}

/** Without the password. */
export function addressOf({ url }: { url: string }): string {
  const shown = new URL(url)
  shown.password = ''
  shown.username = ''
  return shown.href.replace(/\/$/, '')
}
