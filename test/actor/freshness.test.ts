import assert from 'node:assert/strict'
import { it } from 'node:test'
import { watchFreshness } from '#shared/actor/freshness.ts'
import { connectBus } from '#shared/bus/connect.ts'
import { consumerNames, ensureConsumer } from '#shared/bus/consumers.ts'
import type { Delivery } from '#shared/bus/delivery.ts'
import { CONSUMER, STREAM } from '#shared/contract/streams.ts'
import { filter } from '#shared/contract/subjects.ts'
import { commands, publishAll, takeFrom } from '../bus/commands.ts'
import { atEndOfFile } from '../support/leaks.ts'
import { until } from '../support/until.ts'
import { withBroker } from '../support/with-broker.ts'

const broker = await withBroker()
atEndOfFile(() => broker[Symbol.asyncDispose]())
const bus = await broker.connect('admin')

/** Publishes one command and returns its delivery. */
async function deliver(pool: string, run: string): Promise<Delivery> {
  await ensureConsumer(bus.nc, STREAM.tasks, CONSUMER.tasks(pool), filter.poolTasks(pool))
  await publishAll(bus, commands(pool, run, 1))
  using taker = takeFrom(bus, CONSUMER.tasks(pool), 1, () => false)
  await until('the command to be delivered', () => taker.all.length > 0)
  return taker.all[0] as Delivery
}

it('a command that came after the connection, of a run that goes on, need not be asked about', async () => {
  const old = await deliver('old', 'r')
  using freshness = watchFreshness(bus, STREAM.tasks)
  freshness.goesOn('r')
  await until('what comes to be fresh', async () =>
    freshness.isFresh(await deliver(`new-${performance.now().toFixed(0)}`, 'r'), 'r'),
  )
  assert.equal(freshness.isFresh(old, 'r'), false, 'it was there before the connection')
})

it('one of a run of which nothing is known, or something new was said, has to be asked about', async () => {
  using freshness = watchFreshness(bus, STREAM.tasks)
  freshness.goesOn('known')
  let fresh: Delivery | undefined
  await until('something to be fresh', async () => {
    fresh = await deliver(`run-${performance.now().toFixed(0)}`, 'known')
    return freshness.isFresh(fresh, 'known')
  })
  assert.ok(fresh)
  assert.equal(freshness.isFresh(fresh, 'unknown'), false)
  freshness.forget('known')
  assert.equal(freshness.isFresh(fresh, 'known'), false)
  freshness.goesOn('known')
  assert.equal(freshness.isFresh(fresh, 'known'), true)
  assert.equal(freshness.isFresh({ ...fresh, sequence: fresh.sequence, deliveries: 2 }, 'known'), false)
})

it('after a reconnect everything has to be asked about, until it has settled', async () => {
  await using own = await connectBus(await broker.addressOf('admin'), 'test-freshness')
  using freshness = watchFreshness(own, STREAM.tasks)
  freshness.goesOn('r')
  let fresh: Delivery | undefined
  await until('something to be fresh', async () => {
    fresh = await deliver(`before-${performance.now().toFixed(0)}`, 'r')
    return freshness.isFresh(fresh, 'r')
  })
  let reconnects = 0
  own.onReconnect(() => reconnects++)
  await broker.kill()
  await broker.restart()
  await until('the reconnect', () => reconnects > 0)
  await until('the test itself to be connected again', () =>
    bus.nc.flush().then(
      () => true,
      () => false,
    ),
  )
  await until('the stream to answer', () =>
    consumerNames(bus.nc, STREAM.tasks).then(
      () => true,
      () => false,
    ),
  )
  const after = await deliver('after', 'r')
  assert.equal(freshness.isFresh(fresh as Delivery, 'r'), false)
  assert.equal(freshness.isFresh(after, 'r'), false, 'its sender may not know yet what the broker has lost')
})
