import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AckPolicy, jetstreamManager } from '@nats-io/jetstream'
import { connectBus } from '#shared/bus/connect.ts'
import { backlogOf } from '#shared/bus/consumers.ts'
import type { Delivery } from '#shared/bus/delivery.ts'
import { headerLine } from '#shared/bus/headers.ts'
import { type Draft, Publisher } from '#shared/bus/publisher.ts'
import { Puller } from '#shared/bus/puller.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { filter, subject } from '#shared/contract/subjects.ts'
import { atEndOfFile } from '../support/leaks.ts'
import { until } from '../support/until.ts'
import { withBroker } from '../support/with-broker.ts'
import { ackIt, commands, publishAll, takeFrom } from './commands.ts'

const broker = await withBroker()
atEndOfFile(() => broker[Symbol.asyncDispose]())
const bus = await broker.connect('admin')
const manager = await jetstreamManager(bus.nc)

const ACK_WAIT_MS = 600

async function pool(name: string): Promise<string> {
  await manager.consumers.add(STREAM.tasks, {
    durable_name: name,
    ack_policy: AckPolicy.Explicit,
    ack_wait: ACK_WAIT_MS * 1e6,
    filter_subject: filter.poolTasks(name),
  })
  return name
}

const unanswered = () => false
const nothingLeft = (name: string) =>
  until('nothing is left', async () => {
    const backlog = await backlogOf(bus.nc, STREAM.tasks, name)
    return backlog?.waiting === 0 && backlog.running === 0
  })

test('a delivery says what it is', async () => {
  const name = await pool('facts')
  const sent = { ...commands(name, 'r', 1)[0]!, headers: headerLine('ce-type', 'x') }
  await new Publisher(bus.nc, { stream: STREAM.tasks }).create(sent)
  const stored = await manager.direct.getMessage(STREAM.tasks, { last_by_subj: sent.subject })
  using taker = takeFrom(bus, name, 1, unanswered)
  await until('it came', () => taker.all.length > 0)
  const delivery = taker.all[0]!
  assert.equal(delivery.subject, sent.subject)
  assert.deepEqual(Buffer.from(delivery.data), sent.body)
  assert.equal(delivery.headers?.get('ce-type'), 'x')
  assert.equal(delivery.sequence, stored?.seq)
  assert.equal(delivery.consumerSequence, 1)
  assert.equal(delivery.deliveries, 1)
  assert.ok(Math.abs(delivery.time - Number(stored?.time.getTime())) <= 1)
  delivery.ack()
  await nothingLeft(name)
})

test('what is acked does not come again', async () => {
  const name = await pool('acked')
  await publishAll(bus, commands(name, 'r', 100))
  using taker = takeFrom(bus, name, 10, ackIt)
  await nothingLeft(name)
  assert.equal(taker.all.length, 100)
})

test('what is not answered comes again after the ack wait, counted', async () => {
  const name = await pool('silent')
  await publishAll(bus, commands(name, 'r', 1))
  using taker = takeFrom(bus, name, 5, unanswered)
  const started = performance.now()
  await until('it came three times', () => taker.all.length >= 3)
  assert.deepEqual(
    taker.all.slice(0, 3).map((each) => each.deliveries),
    [1, 2, 3],
  )
  assert.ok(performance.now() - started > 2 * ACK_WAIT_MS - 100)
})

test('working() keeps a delivery for as long as it is said', async () => {
  const name = await pool('working')
  await publishAll(bus, commands(name, 'r', 1))
  using taker = takeFrom(bus, name, 5, unanswered)
  await until('it came', () => taker.all.length > 0)
  let said = 0
  const timer = setInterval(() => {
    taker.all[0]?.working()
    said++
  }, ACK_WAIT_MS / 6)
  await until('four ack waits are over', () => said >= 24)
  assert.equal(taker.all.length, 1)
  clearInterval(timer)
  await until('it came again', () => taker.all.length > 1)
})

test('nak() brings it again at once, and nak(delay) not before the delay', async () => {
  const name = await pool('nak')
  await publishAll(bus, commands(name, 'r', 1))
  const times: number[] = []
  using taker = takeFrom(bus, name, 5, (delivery) => {
    times.push(performance.now())
    if (delivery.deliveries === 1) delivery.nak()
    else if (delivery.deliveries === 2) delivery.nak(400)
    else delivery.ack()
    return true
  })
  await nothingLeft(name)
  assert.equal(taker.all.length, 3)
  assert.ok(times[1]! - times[0]! < ACK_WAIT_MS, 'at once')
  assert.ok(times[2]! - times[1]! >= 390, 'after the delay')
})

test('an answer without a connection is no error: the message comes again', async () => {
  const name = await pool('unsaid')
  await publishAll(bus, commands(name, 'r', 1))
  const other = await broker.connect('admin')
  using lost = takeFrom(other, name, 1, unanswered)
  await until('it came', () => lost.all.length > 0)
  await other[Symbol.asyncDispose]()
  assert.doesNotThrow(() => lost.all[0]?.ack())
  assert.doesNotThrow(() => lost.all[0]?.working())
  assert.doesNotThrow(() => lost.all[0]?.nak(5))
  using taker = takeFrom(bus, name, 1, ackIt)
  await until('it came again', () => taker.all.length > 0)
})

test('an ack of what came before the broker was killed is not sent where sequences may be given out anew', async () => {
  const name = await pool('stale')
  const flows = 'stale-flow'
  await manager.consumers.add(STREAM.circuits, {
    durable_name: flows,
    ack_policy: AckPolicy.Explicit,
    ack_wait: ACK_WAIT_MS * 1e6,
    filter_subject: filter.deviceCircuits('stale'),
  })
  await using own = await connectBus(await broker.addressOf('admin'), 'test-stale')
  const deliveryOf = async (stream: string, consumer: string, draft: Draft): Promise<Delivery> => {
    await own.nc.request(draft.subject, draft.body)
    let found: Delivery | undefined
    const puller = new Puller(own, {
      stream,
      consumer,
      credit: () => (found ? 0 : 1),
      onBatch: ([first]) => (found ??= first),
    })
    await until(`a delivery of ${consumer}`, () => found)
    puller.stop()
    return found as unknown as Delivery
  }
  const acks: string[] = []
  const task = await deliveryOf(STREAM.tasks, name, commands(name, 'stale', 1)[0]!)
  const circuit = await deliveryOf(STREAM.circuits, flows, {
    subject: subject.circuit('stale', { run: 'r', step: 1, attempt: 1 }),
    body: new Uint8Array(),
  })
  let again = false
  own.onReconnect(() => {
    again = true
  })
  await broker.kill()
  await broker.restart()
  await until('the reconnect', () => again)
  bus.nc.subscribe('$JS.ACK.>', {
    callback: (_, message) => void acks.push(message.subject.split('.')[2] ?? ''),
  })
  await until('the listener', () =>
    bus.nc.flush().then(
      () => true,
      () => false,
    ),
  )
  task.ack()
  circuit.ack()
  await until('the ack of the circuit', () => acks.includes(STREAM.circuits))
  assert.deepEqual(acks, [STREAM.circuits])
})
