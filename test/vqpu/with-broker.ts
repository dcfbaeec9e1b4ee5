/** A real broker with its real permissions, in a home of its own. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findBroker } from '#infra/broker/find-broker.ts'
import { startBroker } from '#infra/broker/start-broker.ts'
import { connectBus } from '#shared/bus/connect.ts'
import { provisionStreams } from '#shared/bus/streams.ts'
import { connectionFor } from '#shared/config/credentials.ts'
import { readEnvironment } from '#shared/config/environment.ts'
import { World } from './world.ts'

export async function withBroker(): Promise<World> {
  const home = await mkdtemp(join(tmpdir(), 'qubus-vqpu-'))
  const environment = readEnvironment({ ...process.env, QUBUS_HOME: home, QUBUS_URL: '', QUBUS_CREDS: '' })
  const broker = await startBroker({
    home,
    binary: process.env.NATS_SERVER ?? (await findBroker(environment)),
  })
  const admin = await connectionFor('admin', environment)
  const bus = await connectBus(admin, 'provision')
  await provisionStreams(bus.nc, 1024 ** 3)
  await bus[Symbol.asyncDispose]()
  return World.at({ ...admin, environment: { QUBUS_HOME: home, HOME: home } }, async () => {
    await broker.stop()
    await rm(home, { recursive: true, force: true })
  })
}
