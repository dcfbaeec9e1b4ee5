/** Starts the broker of a home, or adopts the one that runs there, and waits until it is ready. */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { homePaths } from '#shared/config/home.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { findByArguments } from '#shared/process/find.ts'
import { keptPort } from '../process/port.ts'
import { prepareHome } from '../process/prepare-home.ts'
import { writePrivate } from '../process/private-file.ts'
import { adoptServer, launchServer, type ServerProcess } from '../process/server-process.ts'
import { brokerConfig } from './broker-config.ts'
import { greeting } from './greeting.ts'
import { keptPasswords } from './passwords.ts'

export type BrokerOptions = {
  home: string
  /** Path of nats-server, from `findBroker`. */
  binary: string
  /** Gives up waiting for it; what was started is stopped. */
  signal?: AbortSignal
  /** The address to listen on: loopback unless compute nodes are to reach it. */
  host?: string
  maxFileBytes?: number
}

export type Broker = {
  [Symbol.asyncDispose](): Promise<void>
  url: string
  port: number
  pid: number
  /** It ran already: an earlier supervisor of this home left it. */
  adopted: boolean
  /** Resolves when the process has ended, however that came. */
  exited: Promise<void>
  kill(signal: NodeJS.Signals): void
  stop(): Promise<void>
}

const GIB = 1024 ** 3
const READY_MS = 120_000
const TRIES = 3

/**
 * Writes the configuration, starts nats-server on the port of this home and waits until it takes connections (a large
 * store takes a while to read). Also writes `connection.json`.
 * @throws QubusError `UNREACHABLE` with the end of the broker's log when it ends instead.
 */
export async function startBroker(given: BrokerOptions): Promise<Broker> {
  const options = { ...given, home: await prepareHome(given.home) }
  const running = await adoptRunning(options)
  if (running !== undefined) return running
  for (let tries = 1; ; tries++) {
    const broker = await startOnce(options)
    if (broker !== 'port taken') return broker
    if (tries === TRIES)
      throw new QubusError(
        'UNREACHABLE',
        'no port could be had for the broker: others take each before it starts',
      )
  }
}

async function adoptRunning({
  home,
  host = '127.0.0.1',
  signal,
}: BrokerOptions): Promise<Broker | undefined> {
  const paths = homePaths(home)
  const identity = findByArguments('--config', paths.brokerConfig)
  if (identity === undefined) return undefined
  const server = adoptServer(identity)
  const port = Number(await readFile(paths.brokerPort, 'utf8').catch(() => '0'))
  await ready(server, home, host, port, signal)
  if (server.alive()) return finish(server, home, host, port, true)
  return undefined
}

async function startOnce(options: BrokerOptions): Promise<Broker | 'port taken'> {
  const { home, binary, signal, host = '127.0.0.1', maxFileBytes = 128 * GIB } = options
  const paths = homePaths(home)
  const port = await keptPort(paths.brokerPort, host)
  const passwords = await keptPasswords(home)
  const config = {
    name: brokerName(home),
    host,
    port,
    storeDir: paths.brokerStore,
    logFile: paths.brokerLog,
    maxFileBytes,
    passwords,
  }
  await writePrivate(paths.brokerConfig, brokerConfig(config))
  const said = `${paths.logs}/broker.out`
  await writePrivate(said, '')
  const server = launchServer({
    file: binary,
    args: ['--config', paths.brokerConfig],
    env: {},
    cwd: paths.broker,
    log: said,
  })
  try {
    await ready(server, home, host, port, signal)
  } catch (error) {
    await server.stop(STOP)
    throw error
  }
  if (server.alive()) return finish(server, home, host, port, false)
  const last = await lastWords(home, said)
  if (last.includes('address already in use')) return 'port taken'
  throw new QubusError('UNREACHABLE', `the broker ended while starting:\n${last}`)
}

/** Resolves when it answers under its own name, or has ended. */
async function ready(
  server: ServerProcess,
  home: string,
  host: string,
  port: number,
  signal?: AbortSignal,
): Promise<void> {
  const until = performance.now() + READY_MS
  while (server.alive()) {
    signal?.throwIfAborted()
    const hello = await greeting(host, port)
    if (hello?.server_name === brokerName(home) && hello.jetstream) return
    if (performance.now() > until)
      throw new QubusError(
        'UNREACHABLE',
        `the broker is not ready after ${READY_MS / 1000} s: see ${homePaths(home).brokerLog}`,
      )
    await pause(15)
  }
}

const STOP = [
  { signal: 'SIGTERM', waitMs: 15_000 },
  { signal: 'SIGKILL', waitMs: 5_000 },
] as const

async function finish(
  server: ServerProcess,
  home: string,
  host: string,
  port: number,
  adopted: boolean,
): Promise<Broker> {
  const paths = homePaths(home)
  const url = `nats://${host}:${port}`
  await writePrivate(paths.connection, `${JSON.stringify({ url, pid: server.pid })}\n`)
  const stop = (): Promise<void> => server.stop(STOP)
  return {
    url,
    port,
    pid: server.pid,
    adopted,
    exited: server.exited,
    kill: server.kill,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

/** A name that only the broker of this home has: another one on the same port is not taken for it. */
function brokerName(home: string): string {
  return `qubus-${createHash('sha256').update(home).digest('hex').slice(0, 16)}`
}

async function lastWords(home: string, said: string): Promise<string> {
  const texts = await Promise.all(
    [said, homePaths(home).brokerLog].map((file) => readFile(file, 'utf8').catch(() => '')),
  )
  return texts.flatMap((text) => text.trimEnd().split('\n').slice(-6)).join('\n')
}
