import assert from 'node:assert/strict'
import { rm, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { backlogOf } from '#shared/bus/consumers.ts'
import { watchRegistry } from '#shared/bus/registry.ts'
import { homePaths } from '#shared/config/home.ts'
import { ACK_WAIT_SECONDS, CONSUMER, STREAM } from '#shared/contract/streams.ts'
import { subject } from '#shared/contract/subjects.ts'
import { ackIt, takeFrom } from '../bus/commands.ts'
import { tempHome } from '../support/temp-home.ts'
import { until } from '../support/until.ts'
import { withBroker } from '../support/with-broker.ts'
import { command, makeQueue, startFixture, untilSaid } from './fixture-actor.ts'

test('an actor is in the registry with its state, and says each change as an event', async () => {
  await using broker = await withBroker()
  const bus = await broker.connect('admin')
  await makeQueue(bus)
  const states: string[] = []
  using watch = watchRegistry(bus, ({ actors }) => {
    const state = actors.get('fixture-1')?.state
    if (state !== undefined && states.at(-1) !== state) states.push(state)
  })
  await watch.ready
  const events: string[] = []
  bus.nc.subscribe('qubus.v1.event.actor.>', { callback: (_, message) => void events.push(message.subject) })
  await bus.nc.flush()
  await using actor = startFixture(broker.home)
  const entry = await until(
    'it is ready',
    () => watch.actors.get('fixture-1')?.state === 'ready' && watch.actors.get('fixture-1'),
  )
  assert.equal(entry.name, 'worker')
  assert.equal(entry.pid, actor.pid)
  assert.deepEqual(entry.pools, ['fixture'])
  actor.kill('SIGTERM')
  assert.equal(await actor.exited, 0)
  await until('its end is told', () => events.length === 4)
  assert.deepEqual(states, ['starting', 'ready', 'draining', 'ended'])
  assert.deepEqual(
    events.map((each) => each.split('.')[4]),
    states,
  )
})

test('an actor stays in the registry for longer than an entry lives', async () => {
  await using broker = await withBroker()
  const bus = await broker.connect('admin')
  await makeQueue(bus)
  await using actor = startFixture(broker.home)
  let beats = 0
  bus.nc.subscribe('$KV.registry.actor.fixture-1', { callback: () => void beats++ })
  await until('it renewed its entry', () => beats >= 4)
  actor.kill('SIGTERM')
  assert.equal(await actor.exited, 0)
})

test('SIGTERM: it takes nothing more, finishes what it has, and ends with code 0', async () => {
  await using broker = await withBroker()
  const bus = await broker.connect('admin')
  await makeQueue(bus)
  await using actor = startFixture(broker.home, '2')
  await command(bus, 'slow', 'slow', 'fine', 'fine')
  await untilSaid(actor, 'slow', 2)
  actor.kill('SIGTERM')
  await untilSaid(actor, 'draining')
  await command(bus, 'fine')
  assert.deepEqual(await backlogOf(bus.nc, STREAM.tasks, CONSUMER.tasks('fixture')), {
    waiting: 3,
    running: 2,
  })
  bus.nc.publish(subject.control('r'))
  assert.equal(await actor.exited, 0)
  assert.deepEqual(
    actor.said.map((each) => each.what),
    ['slow', 'slow', 'draining', 'drained'],
  )
  assert.deepEqual(await backlogOf(bus.nc, STREAM.tasks, CONSUMER.tasks('fixture')), {
    waiting: 3,
    running: 0,
  })
})

test('a second SIGTERM ends it at once, and what it had goes to another before the ack wait is over', async () => {
  await using broker = await withBroker()
  const bus = await broker.connect('admin')
  await makeQueue(bus)
  await using actor = startFixture(broker.home, '2')
  await command(bus, 'hang', 'hang')
  await untilSaid(actor, 'hang', 2)
  actor.kill('SIGTERM')
  await untilSaid(actor, 'draining')
  const started = performance.now()
  actor.kill('SIGTERM')
  assert.equal(await actor.exited, 0)
  using taker = takeFrom(bus, CONSUMER.tasks('fixture'), 10, ackIt)
  await until('another has both', () => taker.all.length === 2)
  assert.ok(performance.now() - started < (ACK_WAIT_SECONDS - 2) * 1000)
})

test('two SIGTERMs end it also while it starts', async () => {
  await using broker = await withBroker()
  await using actor = startFixture(broker.home, '1', 'never-starts')
  await untilSaid(actor, 'starting')
  actor.kill('SIGTERM')
  await until('the first is heard', () => actor.log().includes('stopping'))
  actor.kill('SIGTERM')
  assert.equal(await actor.exited, 0)
})

test('SIGTERM ends it also while the broker is away', async () => {
  await using broker = await withBroker()
  const bus = await broker.connect('admin')
  await makeQueue(bus)
  await using actor = startFixture(broker.home)
  await command(bus, 'fine')
  await untilSaid(actor, 'fine')
  await broker.kill()
  await until('it noticed', () => actor.log().includes('disconnect'))
  actor.kill('SIGTERM')
  assert.equal(await actor.exited, 0)
})

test('without a broker at its address it ends with code 3 and says which address', async () => {
  await using broker = await withBroker({ provision: false })
  await broker.kill()
  await using actor = startFixture(broker.home)
  assert.equal(await actor.exited, 3)
  assert.match(actor.log(), /the broker at nats:\/\/127\.0\.0\.1:\d+ can't be reached/)
})

test('in a home without a system it ends with code 3 and says what to do', async () => {
  await using home = await tempHome()
  await using actor = startFixture(home.path)
  assert.equal(await actor.exited, 3)
  assert.match(actor.log(), /no system was started in .*qubus up/)
})

test('with credentials that are missing it does not say that it could not reach anything', async () => {
  await using broker = await withBroker({ provision: false })
  const { credentials } = homePaths(broker.home)
  const kept = `${credentials}/worker.json`
  await rm(kept)
  await using actor = startFixture(broker.home)
  assert.notEqual(await actor.exited, 0)
  assert.match(actor.log(), /worker\.json/)
  await writeFile(kept, '{}', { mode: 0o600 })
})
