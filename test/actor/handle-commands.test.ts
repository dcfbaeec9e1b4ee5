import assert from 'node:assert/strict'
import { test } from 'node:test'
import { backlogOf, deleteConsumer } from '#shared/bus/consumers.ts'
import { DeadLetter } from '#shared/contract/dead-letter.ts'
import { CONSUMER, STREAM } from '#shared/contract/streams.ts'
import { filter, subject } from '#shared/contract/subjects.ts'
import { decode, encode } from '#shared/wire/message.ts'
import { stored } from '../bus/records.ts'
import { until } from '../support/until.ts'
import { withBroker } from '../support/with-broker.ts'
import { command, makeQueue, startFixture, untilSaid } from './fixture-actor.ts'

async function world(...args: string[]) {
  const stack = new AsyncDisposableStack()
  const broker = stack.use(await withBroker())
  const bus = await broker.connect('admin')
  await makeQueue(bus)
  const actor = stack.use(startFixture(broker.home, ...args))
  return {
    broker,
    bus,
    actor,
    dead: async () =>
      (await stored(bus.nc, STREAM.dead, filter.dead)).map((each) => ({
        at: each.subject,
        letter: decode(DeadLetter, each.data),
      })),
    untilAcked: () =>
      until('everything is acked', async () => {
        const backlog = await backlogOf(bus.nc, STREAM.tasks, CONSUMER.tasks('fixture'))
        return backlog?.waiting === 0 && backlog.running === 0
      }),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

test('a command whose handler returns is acked, and no more than the concurrency are in hand', async () => {
  await using system = await world('2')
  await command(system.bus, ...Array.from({ length: 30 }, () => 'fine'))
  await system.untilAcked()
  await untilSaid(system.actor, 'fine', 30)
  assert.equal(system.actor.said.filter((each) => each.what === 'fine').length, 30)
  await command(system.bus, 'slow', 'slow', 'fine')
  await untilSaid(system.actor, 'slow', 2)
  assert.deepEqual(await backlogOf(system.bus.nc, STREAM.tasks, CONSUMER.tasks('fixture')), {
    waiting: 1,
    running: 2,
  })
  system.bus.nc.publish(subject.control('r'))
  await system.untilAcked()
  assert.deepEqual(await system.dead(), [])
})

test('a command that fails for good becomes a dead letter with its error, and is acked', async () => {
  await using system = await world()
  const [at] = await command(system.bus, 'terminal')
  await system.untilAcked()
  const [only, ...more] = await system.dead()
  assert.equal(more.length, 0)
  assert.equal(only?.letter.subject, at)
  assert.equal(only.letter.stream, STREAM.tasks)
  assert.equal(only.letter.error.code, 'TERMINAL')
  assert.equal(only.letter.error.message, 'no use')
  assert.deepEqual(only.letter.error.facts, { line: 3 })
  assert.equal(only.letter.error.cause?.message, 'below')
  assert.equal(only.letter.by, 'fixture-1')
  assert.deepEqual(Buffer.from(only.letter.body), Buffer.from(encode({ name: 'terminal' })))
  await untilSaid(system.actor, 'terminal')
  assert.equal(system.actor.said.length, 1)
})

test('a command that may succeed later comes again, each time after a longer delay', async () => {
  await using system = await world('5')
  await command(system.bus, 'retry', 'user error')
  await untilSaid(system.actor, 'retry', 4)
  await untilSaid(system.actor, 'user error', 2)
  await system.untilAcked()
  const tries = system.actor.said.filter((each) => each.what === 'retry')
  assert.deepEqual(
    tries.map((each) => each.deliveries),
    [1, 2, 3, 4],
  )
  const gaps = tries.slice(1).map((each, i) => each.at - (tries[i]?.at ?? 0))
  for (const [i, gap] of gaps.entries()) assert.ok(gap >= 200 * 2 ** i - 20, `gap ${i}: ${gap} ms`)
  assert.equal(system.actor.said.filter((each) => each.what === 'user error').length, 2)
  assert.deepEqual(await system.dead(), [])
})

test('garbage becomes a dead letter once, however often and with how many others it is delivered', async () => {
  await using system = await world('100')
  const garbage = Array.from({ length: 40 }, (_, i) => Uint8Array.from([0xc1, i]))
  await command(system.bus, ...garbage, encode({ nombre: 'x' }), 'fine')
  await system.untilAcked()
  const first = await system.dead()
  assert.equal(first.length, 41)
  for (const { letter } of first) assert.equal(letter.error.code, 'POISON')
  const bodies = first.map(({ letter }) => Buffer.from(letter.body).toString('hex'))
  for (const each of garbage) assert.ok(bodies.includes(Buffer.from(each).toString('hex')))
  // A consumer made anew delivers everything again.
  await deleteConsumer(system.bus.nc, STREAM.tasks, CONSUMER.tasks('fixture'))
  await makeQueue(system.bus)
  await untilSaid(system.actor, 'fine', 2)
  await system.untilAcked()
  const shown = (all: typeof first) =>
    all.map(({ at, letter }) => ({
      at,
      by: letter.by,
      time: letter.at,
      body: Buffer.from(letter.body).toString('hex'),
    }))
  assert.deepEqual(shown(await system.dead()), shown(first))
})

test('a garbage message as large as the broker takes becomes a dead letter too', async () => {
  await using system = await world()
  await command(system.bus, Buffer.alloc(1024 * 1024 - 400, 0xc1), 'fine')
  await system.untilAcked()
  const [only] = await system.dead()
  assert.equal(only?.letter.error.code, 'POISON')
  assert.ok(only.letter.body.length > 500_000)
})

test('an error that is too large for a dead letter does not end the actor', async () => {
  await using system = await world('2')
  await command(system.bus, 'large', 'fine')
  await untilSaid(system.actor, 'fine')
  await untilSaid(system.actor, 'large')
  await command(system.bus, 'fine')
  await untilSaid(system.actor, 'fine', 2)
})

test('where a handler has an answer to failures, it is asked instead, again when that fails too', async () => {
  await using system = await world('1', 'on-failed')
  await command(system.bus, 'terminal', 'fine')
  await system.untilAcked()
  await untilSaid(system.actor, 'on-failed', 2)
  const asked = system.actor.said.filter((each) => each.what === 'on-failed')
  assert.deepEqual(
    asked.map(({ name, message }) => ({ name, message })),
    [
      { name: 'terminal', message: 'no use' },
      { name: 'terminal', message: 'no use' },
    ],
  )
  assert.deepEqual(await system.dead(), [])
})

test('a broker that is killed and comes back is used again', async () => {
  await using system = await world('2')
  await command(system.bus, 'fine')
  await untilSaid(system.actor, 'fine')
  await system.broker.kill()
  await system.broker.restart()
  await command(system.bus, 'terminal', 'retry')
  await system.untilAcked()
  assert.equal((await system.dead()).length, 1)
})
