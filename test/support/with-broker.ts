/** A real nats-server with the real configuration and permissions, in a home of its own. */

import type { BrokerUser } from '#infra/broker/permissions.ts'
import { type Broker, startBroker } from '#infra/broker/start-broker.ts'
import { type Bus, connectBus } from '#shared/bus/connect.ts'
import { provisionStreams } from '#shared/bus/streams.ts'
import { type Connection, connectionFor } from '#shared/config/credentials.ts'
import { type Environment, readEnvironment } from '#shared/config/environment.ts'
import { brokerBinary } from './broker-binary.ts'
import './leaks.ts'
import { tempHome } from './temp-home.ts'

export type TestBroker = {
  [Symbol.asyncDispose](): Promise<void>
  home: string
  /** An environment that points at this home, for what reads one. */
  environment: Environment
  readonly url: string
  readonly pid: number
  addressOf(user: BrokerUser): Promise<Connection>
  /** A connection as `user`; closed with the broker, or before by its owner. */
  connect(user: BrokerUser): Promise<Bus>
  /** Ends the broker's process and waits until it has ended. */
  kill(signal?: NodeJS.Signals): Promise<void>
  /** Starts it again: same home, store and port. */
  restart(): Promise<void>
}

/** @param provision make all streams too (default), as `qubus up` does. */
export async function withBroker({ provision = true }: { provision?: boolean } = {}): Promise<TestBroker> {
  const opened = new AsyncDisposableStack()
  try {
    return await open(opened, provision)
  } catch (error) {
    await opened.disposeAsync()
    throw error
  }
}

async function open(opened: AsyncDisposableStack, provision: boolean): Promise<TestBroker> {
  const home = opened.use(await tempHome()).path
  const environment = readEnvironment({ HOME: home, QUBUS_HOME: home, QUBUS_LOG_LEVEL: 'warn' })
  const binary = await brokerBinary()
  const start = (): Promise<Broker> => startBroker({ home, binary })
  let broker = await start()
  opened.defer(() => broker.stop())
  const addressOf = (user: BrokerUser): Promise<Connection> => connectionFor(user, environment)
  const connect = async (user: BrokerUser): Promise<Bus> =>
    opened.use(await connectBus(await addressOf(user), `test-${user}`))
  if (provision) {
    await using admin = await connectBus(await addressOf('admin'), 'test-provision')
    await provisionStreams(admin.nc, TEST_BUDGET)
  }
  return {
    home,
    environment,
    get url() {
      return broker.url
    },
    get pid() {
      return broker.pid
    },
    addressOf,
    connect,
    async kill(signal = 'SIGKILL') {
      broker.kill(signal)
      await broker.exited
    },
    async restart() {
      await broker.stop()
      broker = await start()
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

const TEST_BUDGET = 4 * 1024 ** 3
