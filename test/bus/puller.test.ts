import assert from 'node:assert/strict'
import { test } from 'node:test'
import { jetstreamManager } from '@nats-io/jetstream'
import { backlogOf, deleteConsumer, ensureConsumer } from '#shared/bus/consumers.ts'
import { ACK_WAIT_SECONDS, MAX_ACK_PENDING, STREAM } from '#shared/contract/streams.ts'
import { filter } from '#shared/contract/subjects.ts'
import { atEndOfFile } from '../support/leaks.ts'
import { until } from '../support/until.ts'
import { withBroker } from '../support/with-broker.ts'
import { ackIt, commands, publishAll, takeFrom } from './commands.ts'

const broker = await withBroker()
atEndOfFile(() => broker[Symbol.asyncDispose]())
const bus = await broker.connect('admin')
const manager = await jetstreamManager(bus.nc)

async function pool(name: string): Promise<string> {
  await ensureConsumer(bus.nc, STREAM.tasks, name, filter.poolTasks(name))
  return name
}

test('a consumer of commands holds no more than 1,000 un-acked, gives them back after the ack wait, and is made once', async () => {
  await pool('config')
  await pool('config')
  const { config } = await manager.consumers.info(STREAM.tasks, 'config')
  assert.equal(MAX_ACK_PENDING, 1000)
  assert.equal(config.max_ack_pending, 1000)
  assert.equal(config.ack_policy, 'explicit')
  assert.equal(config.ack_wait, ACK_WAIT_SECONDS * 1e9)
  assert.equal(config.max_deliver, -1)
})

test('no more is ever held than the credit, and everything comes once', async () => {
  await pool('credit')
  await publishAll(bus, commands('credit', 'r', 1000))
  using taker = takeFrom(bus, 'credit', 7, () => false)
  await until(
    'all came',
    () => {
      const [first] = taker.held
      if (first !== undefined) {
        first.ack()
        taker.held.delete(first)
        taker.puller.more()
      }
      return taker.all.length === 1000 && taker.held.size === 0
    },
    0,
  )
  assert.equal(taker.most, 7)
  assert.equal(new Set(taker.all.map((each) => each.sequence)).size, 1000)
})

test('nothing is asked for without credit, and more() makes it come', async () => {
  await pool('later')
  await publishAll(bus, commands('later', 'r', 3))
  let credit = 0
  const { Puller } = await import('#shared/bus/puller.ts')
  let came = 0
  const puller = new Puller(bus, {
    stream: STREAM.tasks,
    consumer: 'later',
    credit: () => credit - came,
    onBatch(batch) {
      came += batch.length
      for (const each of batch) each.ack()
    },
  })
  await bus.nc.flush()
  assert.deepEqual(await backlogOf(bus.nc, STREAM.tasks, 'later'), { waiting: 3, running: 0 })
  credit = 2
  puller.more()
  await until('two came', () => came === 2)
  assert.equal((await backlogOf(bus.nc, STREAM.tasks, 'later'))?.waiting, 1)
  puller.stop()
})

test('what was asked for can be withdrawn: nothing comes until there is credit again, then everything, once', async () => {
  await pool('withdrawn')
  let credit = 5
  const came: number[] = []
  const { Puller } = await import('#shared/bus/puller.ts')
  const puller = new Puller(bus, {
    stream: STREAM.tasks,
    consumer: 'withdrawn',
    credit: () => credit - came.length,
    onBatch(batch) {
      for (const each of batch) {
        came.push(each.sequence)
        each.ack()
      }
    },
  })
  await until(
    'the request to be there',
    async () => (await manager.consumers.info(STREAM.tasks, 'withdrawn')).num_waiting === 1,
  )
  credit = 0
  puller.withdraw()
  await bus.nc.flush()
  await publishAll(bus, commands('withdrawn', 'r', 5))
  assert.deepEqual(await backlogOf(bus.nc, STREAM.tasks, 'withdrawn'), { waiting: 5, running: 0 })
  credit = 5
  puller.more()
  await until('all came', () => came.length === 5)
  assert.equal(new Set(came).size, 5)
  await until(
    'all to be acked',
    async () => (await backlogOf(bus.nc, STREAM.tasks, 'withdrawn'))?.running === 0,
  )
  puller.stop()
})

for (const [how, reconnect] of [
  ['made anew', async () => bus.nc.reconnect()],
  [
    'lost with the broker',
    async () => {
      await broker.kill()
      await broker.restart()
    },
  ],
] as const) {
  test(`no more is held than the credit after the connection was ${how}`, async () => {
    const name = await pool(`anew-${how.length}`)
    using taker = takeFrom(bus, name, 5, () => false)
    await until(
      'it is asked for',
      async () => (await manager.consumers.info(STREAM.tasks, name)).num_waiting > 0,
    )
    let again = 0
    const forget = bus.onReconnect(() => again++)
    await reconnect()
    taker.puller.more()
    await until('it is connected again', () => again > 0)
    forget()
    await publishAll(bus, commands(name, 'r', 50))
    await until('the credit is used', () => taker.held.size >= 5)
    // Whatever else was asked for would have come by now: the broker answers in order.
    await backlogOf(bus.nc, STREAM.tasks, name)
    await bus.nc.flush()
    assert.equal(taker.held.size, 5)
    assert.equal((await backlogOf(bus.nc, STREAM.tasks, name))?.running, 5)
  })
}

test('commands keep coming across a broker that is killed again and again', async () => {
  const name = await pool('kills')
  const all = commands(name, 'r', 3000)
  const published = publishAll(bus, all)
  using taker = takeFrom(bus, name, 100, ackIt)
  const seen = () => new Set(taker.all.map((each) => each.sequence)).size
  for (const part of [500, 1500]) {
    await until(`${part} came`, () => seen() >= part)
    await broker.kill()
    await broker.restart()
  }
  await published
  await until('all came', () => seen() === 3000)
  assert.ok(taker.most <= 100)
})

test('a consumer that is deleted is told of, and used again when it is back', async () => {
  const name = await pool('deleted')
  await publishAll(bus, commands(name, 'first', 5))
  using taker = takeFrom(bus, name, 10, ackIt)
  await until('the first came', () => taker.all.length === 5)
  await deleteConsumer(bus.nc, STREAM.tasks, name)
  await until('it is told', () => taker.gone > 0)
  assert.equal(await backlogOf(bus.nc, STREAM.tasks, name), undefined)
  await publishAll(bus, commands(name, 'second', 5))
  await pool(name)
  await until('the second came', () => new Set(taker.all.map((each) => each.subject)).size === 10)
})

test('a consumer that is not there is asked for a few times a second, not in a loop', async () => {
  let asked = 0
  const count = bus.nc.subscribe('$JS.API.CONSUMER.MSG.NEXT.TASKS.nobody', { callback: () => void asked++ })
  await bus.nc.flush()
  count.unsubscribe()
  const started = performance.now()
  using taker = takeFrom(bus, 'nobody', 10, ackIt)
  await until('it was told of five times', () => taker.gone >= 5)
  assert.ok(performance.now() - started > 4 * 200, 'it asked faster than every 200 ms')
})

test('a puller that is stopped hands back what had arrived, and gets nothing more', async () => {
  const name = await pool('stopped')
  const taker = takeFrom(bus, name, 50, ackIt)
  await until(
    'it is asked for',
    async () => (await manager.consumers.info(STREAM.tasks, name)).num_waiting > 0,
  )
  // Everything is delivered to the client before it can turn to it: then it is stopped.
  const publishing = publishAll(bus, commands(name, 'r', 40))
  const { setImmediate: turn } = await import('node:timers/promises')
  await publishing
  taker.puller.stop()
  const before = taker.all.length
  const started = performance.now()
  using other = takeFrom(bus, name, 100, ackIt)
  await until('the other has the rest', () => other.all.length >= 40 - before)
  await turn()
  assert.equal(taker.all.length, before)
  assert.ok(
    performance.now() - started < (ACK_WAIT_SECONDS - 1) * 1000,
    'they came before the ack wait was over',
  )
})
