import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { CommandSender } from '#shared/bus/command-sender.ts'
import { connectBus } from '#shared/bus/connect.ts'
import { deleteConsumer, ensureConsumer, listConsumers } from '#shared/bus/consumers.ts'
import { type Draft, Publisher } from '#shared/bus/publisher.ts'
import type { Permit } from '#shared/contract/permit.ts'
import { CONSUMER, STREAM } from '#shared/contract/streams.ts'
import { filter, record, subject } from '#shared/contract/subjects.ts'
import { encode } from '#shared/wire/message.ts'
import { Gate } from '../../../services/coordinator/limits/gate.ts'
import { bareActor } from '../../support/bare-actor.ts'
import { atEndOfFile } from '../../support/leaks.ts'
import { until } from '../../support/until.ts'
import { withBroker } from '../../support/with-broker.ts'

const broker = await withBroker()
atEndOfFile(() => broker[Symbol.asyncDispose]())
const bus = await broker.connect('admin')
const permits = new CommandSender(bus.nc, STREAM.permits)
const records = new Publisher(bus.nc, { stream: STREAM.runs })

type OpenGate = Disposable & { gate: Gate; sent: { stream: string; subject: string }[]; changes: number }

function openGate(id: string): OpenGate {
  const opened = {
    sent: [] as OpenGate['sent'],
    changes: 0,
    gate: new Gate({
      actor: bareActor(broker, bus, 'coordinator', id),
      send(stream, draft) {
        opened.sent.push({ stream, subject: draft.subject })
        if (stream === STREAM.permits) permits.send(draft)
      },
      onChange: () => opened.changes++,
    }),
    [Symbol.dispose]: () => opened.gate[Symbol.dispose](),
  }
  return opened
}

const setLimit = (name: string, places: number) =>
  ensureConsumer(bus.nc, STREAM.permits, CONSUMER.limit(name), filter.limitPermits(name), places)

const taskOf = (run: string, step: number, attempt = 1) => subject.task('cpu', { run, step, attempt })

async function request(run: string): Promise<void> {
  await records.create({ subject: record(run).requested, body: encode({}) })
}

async function ask(run: string, step: number, [limit, ...further]: string[], attempt = 1): Promise<void> {
  const permit: Permit = {
    further,
    command: { stream: STREAM.tasks, subject: taskOf(run, step, attempt), body: new Uint8Array() },
  }
  const draft: Draft = { subject: subject.permit(limit ?? '', { run, step, attempt }), body: encode(permit) }
  assert.equal(await permits.create(draft), 'stored')
}

/** What is said of permits, whoever says it. */
const answers: string[] = []
bus.nc.subscribe(`$JS.ACK.${STREAM.permits}.>`, {
  callback(error, message) {
    if (!error && message.string() !== '+WPI') answers.push(message.string())
  },
})

/** The log takes the end of a step, or of one attempt of it. */
async function outcome(run: string, step: number): Promise<void> {
  await records.create({ subject: record(run).outcome(step), body: encode({}) })
}

async function attemptFailed(run: string, step: number, attempt: number): Promise<void> {
  await records.create({ subject: record(run).attempt(step, attempt), body: encode({}) })
}

/** What the broker says is held of a limit. */
async function taken(limit: string): Promise<number | undefined> {
  const all = await listConsumers(bus.nc, STREAM.permits)
  return all.find(({ name }) => name === CONSUMER.limit(limit))?.ackPending
}

afterEach(async () => {
  answers.length = 0
  for (const { name } of await listConsumers(bus.nc, STREAM.permits))
    await deleteConsumer(bus.nc, STREAM.permits, name)
})

describe('a limit', () => {
  it('lets through as many as it has places, and the next one when a step is over', async () => {
    await setLimit('two', 2)
    await request('a')
    using opened = openGate('one')
    await opened.gate.list()
    assert.deepEqual([opened.gate.placesOf('two'), opened.gate.placesOf('none')], [2, undefined])
    for (const step of [1, 2, 3, 4]) await ask('a', step, ['two'])
    await until('two to be let through', () => opened.sent.length === 2)
    assert.equal(await taken('two'), 2)
    await outcome('a', 1)
    await until('the third', () => opened.sent.length === 3)
    // Another attempt of it, or another run's step of that number, changes nothing.
    await attemptFailed('a', 2, 2)
    await outcome('other', 2)
    await bus.nc.flush()
    assert.deepEqual(answers, ['+ACK'])
    await attemptFailed('a', 2, 1)
    await until('the fourth', () => opened.sent.length === 4)
    assert.deepEqual(
      opened.sent,
      [1, 2, 3, 4].map((step) => ({ stream: STREAM.tasks, subject: taskOf('a', step) })),
    )
  })

  it('is kept by all coordinators together, and its places go to another one when one ends', async () => {
    await setLimit('shared', 3)
    await request('b')
    using first = openGate('one')
    using second = openGate('two')
    await Promise.all([first.gate.list(), second.gate.list()])
    for (let step = 1; step <= 6; step++) await ask('b', step, ['shared'])
    const sent = () => first.sent.length + second.sent.length
    await until('three to be let through', () => sent() === 3)
    assert.equal(await taken('shared'), 3)
    const held = first.sent.length
    first.gate[Symbol.dispose]()
    // What the one that ended held is sent again: the command is there already then, and is not made twice.
    await until('the other to hold all places', () => second.sent.length >= 3)
    // What was still on its way to the one that ended goes back, too.
    assert.ok(answers.length >= held && answers.every((each) => each === '-NAK'), answers.join())
    assert.equal(await taken('shared'), 3)
    assert.equal(second.sent.length, 3, `the other one had ${held}`)
  })

  it('does not let through what has an outcome, or whose run has ended, and keeps no place for it', async () => {
    await setLimit('one', 1)
    await request('c')
    await request('ended')
    await records.create({ subject: record('c').outcome(1), body: encode({}) })
    await records.create({ subject: record('ended').completed, body: encode({}) })
    await ask('c', 1, ['one'])
    await ask('ended', 1, ['one'])
    await ask('nobody', 1, ['one'])
    await ask('c', 2, ['one'])
    using opened = openGate('one')
    await opened.gate.list()
    await until('the last one to be let through', () => opened.sent.length > 0)
    assert.deepEqual(opened.sent, [{ stream: STREAM.tasks, subject: taskOf('c', 2) }])
  })

  it("gives its place back when the run is nobody's here", async () => {
    await setLimit('far', 1)
    await request('d')
    using opened = openGate('one')
    await opened.gate.list()
    await ask('d', 1, ['far'])
    await ask('d', 2, ['far'])
    await until('the first', () => opened.sent.length === 1)
    await records.create({ subject: record('d').outcome(1), body: encode({}) })
    await until('the second', () => opened.sent.length === 2)
  })

  it('has another number of places as soon as it is seen, and whoever waits is told', async () => {
    await setLimit('grows', 1)
    await request('e')
    using opened = openGate('one')
    await opened.gate.list()
    const before = opened.changes
    for (let step = 1; step <= 3; step++) await ask('e', step, ['grows'])
    await until('the first', () => opened.sent.length === 1)
    await setLimit('grows', 3)
    await opened.gate.list()
    assert.equal(opened.changes, before + 1)
    await until('the others', () => opened.sent.length === 3)
    await opened.gate.list()
    assert.equal(opened.changes, before + 1, 'nothing has changed since')
  })
})

describe('a step with two limits', () => {
  it('passes one after the other, and holds both until it is over', async () => {
    await setLimit('outer', 2)
    await setLimit('inner', 1)
    await request('f')
    using opened = openGate('one')
    await opened.gate.list()
    await ask('f', 1, ['outer', 'inner'])
    await ask('f', 2, ['outer', 'inner'])
    const tasks = () => opened.sent.filter(({ stream }) => stream === STREAM.tasks)
    await until('one to be let through', () => tasks().length === 1)
    await until('both to hold the first', async () => (await taken('outer')) === 2)
    assert.equal(await taken('inner'), 1)
    assert.equal(tasks().length, 1)
    const step = Number(tasks()[0]?.subject.split('.').at(-2))
    await outcome('f', step)
    await until('the other one', () => tasks().length === 2)
    await outcome('f', 3 - step)
    await until(
      'nothing to be held',
      async () => (await taken('outer')) === 0 && (await taken('inner')) === 0,
    )
  })
})

it('does not take silence for an answer: limits that could not be looked at are not said to be none', async () => {
  await using other = await withBroker()
  await using its = await connectBus(await other.addressOf('admin'), 'test-admin')
  using gate = new Gate({
    actor: bareActor(other, its, 'coordinator', 'one'),
    send: () => {},
    onChange: () => {},
  })
  await gate.list()
  process.kill(other.pid, 'SIGKILL')
  await assert.rejects(gate.list())
})

describe('a broker that lost the last commands', () => {
  it('gets those of permits that are held again', async () => {
    await setLimit('lost', 1)
    await request('lossy')
    using open = openGate('gate-lost')
    await open.gate.list()
    await ask('lossy', 1, ['lost'])
    const sent = () => open.sent.filter(({ subject: at }) => at === taskOf('lossy', 1)).length
    await until('the command to be sent', () => sent() === 1)
    await broker.kill()
    await broker.restart()
    await until('it to be sent again', () => sent() > 1)
    await outcome('lossy', 1)
    await until('the place to be free', async () => (await taken('lost')) === 0)
  })
})
