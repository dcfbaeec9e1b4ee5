import { test } from 'node:test'
import { withBroker } from '../support/with-broker.ts'
import { until } from '../support/until.ts'
import { command, makeQueue, startFixture, untilSaid } from './fixture-actor.ts'
test('x', async () => {
  const broker = await withBroker()
  const bus = await broker.connect('admin')
  await makeQueue(bus)
  const actor = startFixture(broker.home)
  await command(bus, 'fine')
  await untilSaid(actor, 'fine')
  await broker.kill()
  await until('it noticed', () => actor.log().includes('disconnect'))
  actor.kill('SIGTERM')
  console.log('code', await actor.exited)
  console.log(actor.log())
  try { await actor[Symbol.asyncDispose]() } catch (e) { console.log('actor', e)}
  try { await broker[Symbol.asyncDispose]() } catch (e) { console.log('broker', e)}
})
