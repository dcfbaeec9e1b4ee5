/**
 * The system under fire: a home of its own, actors kept by the supervisor as `qubus up` leaves it, broker and Postgres
 * kept here by the supervisor's own code, with a proxy between both. Whatever dies is started again as in production.
 */
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { NatsConnection } from '@nats-io/transport-node'
import { execa } from 'execa'
import { keepBroker, keepPostgres, type Server } from '#infra/supervisor/servers.ts'
import { connectBus } from '#shared/bus/connect.ts'
import { ensureConsumer } from '#shared/bus/consumers.ts'
import { type Client, connect } from '#shared/client/index.ts'
import { connectionFor, databaseUrlFrom } from '#shared/config/credentials.ts'
import { type Environment, readEnvironment, variablesWith } from '#shared/config/environment.ts'
import { homePaths } from '#shared/config/home.ts'
import { CONSUMER, STREAM } from '#shared/contract/streams.ts'
import { filter } from '#shared/contract/subjects.ts'
import { type FakeClock, fakeClock } from './clock.ts'
import { type Disk, smallDisk } from './disk.ts'
import { processesOf } from './processes.ts'
import { startProxy, type TcpProxy } from './proxy.ts'

const CLI = fileURLToPath(new URL('../cli/main.ts', import.meta.url))
const CLUSTER = fileURLToPath(new URL('./cluster.yaml', import.meta.url))

export const COUNTS: Record<string, number> = {
  supervisor: 1,
  coordinator: 2,
  allocator: 1,
  submitter: 1,
  results: 1,
  worker: 3,
  vqpu: 2,
}

/** Places of the limit that runs use. */
const PLACES = 2

export type ChaosSystem = AsyncDisposable & {
  home: string
  client: Client
  /** As the broker's admin, past the proxy. */
  nc: NatsConnection
  toBroker: TcpProxy
  toPostgres: TcpProxy
  broker: Server
  postgres: Server
  disk: Disk | undefined
  clock: FakeClock | undefined
  /** `qubus up`: starts the supervisor if none runs; it takes over what does. */
  up(): Promise<void>
  /** Actors, Postgres and broker are stopped as by `qubus down`, and started again from what is on disk. */
  restart(): Promise<void>
}

/** @param say told of what the keepers of broker and Postgres do. */
export async function startSystem(say: (text: string) => void): Promise<ChaosSystem> {
  const home = await mkdtemp(join(tmpdir(), 'qubus-chaos-'))
  await using stack = new AsyncDisposableStack()
  const environment = readEnvironment(
    variablesWith({ QUBUS_HOME: home, QUBUS_URL: '', QUBUS_DATABASE_URL: '' }),
  )
  const disk = await smallDisk(homePaths(home).brokerStore)
  if (disk !== undefined) stack.use(disk)
  const clock = await fakeClock(join(home, 'clock'))
  let servers = await startServers(environment, say)
  stack.defer(() => stopServers(servers))
  const toBroker = stack.use(await startProxy(() => servers.brokerPort))
  const toPostgres = stack.use(await startProxy(() => servers.postgresPort))
  const database = new URL(databaseUrlFrom(environment))
  database.port = String(toPostgres.port)
  // Whatever the actors start carries this HOME on: by it, what they leave behind is found.
  const env = {
    HOME: home,
    QUBUS_HOME: home,
    QUBUS_CACHE: environment.cache,
    QUBUS_URL: `nats://127.0.0.1:${toBroker.port}`,
    QUBUS_CREDS: environment.paths.credentials,
    QUBUS_DATABASE_URL: database.href,
    ...clock?.environment,
  }
  const qubus = async (...args: string[]): Promise<void> => {
    await execa(process.execPath, ['--disable-warning=ExperimentalWarning', CLI, ...args], {
      env,
      stdin: 'ignore',
    })
  }
  const up = () =>
    qubus('up', '--detach', '--cluster', CLUSTER, '--coordinators', String(COUNTS['coordinator']))
  stack.defer(() => qubus('down'))
  await up()
  const bus = stack.use(await connectBus(await connectionFor('admin', environment), 'chaos'))
  const client = stack.use(await connect({ home }))
  await ensureConsumer(bus.nc, STREAM.permits, CONSUMER.limit('chaos'), filter.limitPermits('chaos'), PLACES)
  const kept = stack.move()
  return {
    home,
    client,
    nc: bus.nc,
    toBroker,
    toPostgres,
    get broker() {
      return servers.broker
    },
    get postgres() {
      return servers.postgres
    },
    disk,
    clock,
    up,
    async restart() {
      await qubus('down')
      await stopServers(servers)
      const left = processesOf(home)
      if (left.length > 0)
        throw new Error(`qubus down left behind: ${left.map(({ command }) => command).join(', ')}`)
      servers = await startServers(environment, say)
      await up()
    },
    [Symbol.asyncDispose]: async () => kept.disposeAsync(),
  }
}

type Servers = { broker: Server; postgres: Server; brokerPort: number; postgresPort: number }

async function startServers(environment: Environment, say: (text: string) => void): Promise<Servers> {
  const broker = await keepBroker(environment, say, new AbortController().signal)
  const postgres = await keepPostgres(environment, say)
  const portOf = (server: Server) => Number(new URL(server.address()).port)
  return {
    broker,
    postgres,
    get brokerPort() {
      return portOf(broker)
    },
    get postgresPort() {
      return portOf(postgres)
    },
  }
}

async function stopServers({ broker, postgres }: Servers): Promise<void> {
  await postgres.keeper.stop()
  await broker.keeper.stop()
}
