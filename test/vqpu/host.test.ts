import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { readLast, readLastOf } from '#shared/bus/direct.ts'
import { readRegistry } from '#shared/bus/registry.ts'
import { CommandReply } from '#shared/contract/control.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { filter, record, subject } from '#shared/contract/subjects.ts'
import { decode } from '#shared/wire/message.ts'
import { BELL, slow, UNKNOWN_GATE, wide } from './circuits.ts'
import { until } from './until.ts'
import { withBroker } from './with-broker.ts'
import { exitOf, type World } from './world.ts'

describe('a vQPU host', () => {
  let world: World
  before(async () => {
    world = await withBroker()
    await world.request('r1')
  })
  after(() => world[Symbol.asyncDispose]())

  it('says nothing about a bad command line but what is wrong, and exits with 2', async () => {
    const host = world.actor('vqpu', '--device', 'v.1', '--shared')
    assert.equal((await exitOf(host)).code, 2)
    assert.match(host.log(), /the character "\." is not allowed/)
  })

  it('that can not start its engine says so in the registry and exits with an error', async () => {
    await world.queue('no-engine')
    const host = world.actor('vqpu', '--device', 'no-engine', '--engine', 'abacus', '--shared')
    // The engine's name is the caller's to mend.
    assert.equal((await exitOf(host)).code, 2)
    const entry = (await readRegistry(world.bus.nc)).vqpus.get('no-engine')
    assert.equal(entry?.state, 'ended')
    assert.match(entry?.why ?? '', /abacus/)
  })

  it('waits for the queue that the allocator makes before it says ready', async () => {
    const host = world.actor('vqpu', '--device', 'early', '--shared')
    await until(
      () => host.log().includes('waiting for the queue'),
      () => host.log(),
    )
    await world.state('early', 'starting', host)
    await world.queue('early')
    await world.state('early', 'ready', host)
    host.kill('SIGTERM')
    assert.deepEqual(await exitOf(host), { code: 0, signal: null })
  })

  it('records the counts of a circuit once, then acks it', async () => {
    const host = await world.vqpu('v1', '--run', 'r1')
    await world.circuit('v1', { run: 'r1', step: 1, attempt: 1 }, { source: BELL, shots: 500, seed: 7 })
    const { value, ...outcome } = await world.outcome('r1', 1)
    assert.deepEqual(Object.keys(value.counts).sort(), ['00', '11'])
    assert.equal((value.counts['00'] ?? 0) + (value.counts['11'] ?? 0), 500)
    assert.equal(value.seed, 7)
    assert.deepEqual(
      [outcome.kind, outcome.state, outcome.attempt, outcome.device],
      ['circuit', 'completed', 1, 'v1'],
    )
    await world.settled('v1')
    await until(
      async () => (await readRegistry(world.bus.nc)).vqpus.get('v1')?.done === 1,
      () => 'the registry does not say done',
    )
    const entry = (await readRegistry(world.bus.nc)).vqpus.get('v1')
    assert.equal(entry?.run, 'r1')
    assert.ok((entry?.maxQubits ?? 0) > 20)

    const stopped = host.kill('SIGTERM')
    assert.ok(stopped)
    assert.equal((await exitOf(host)).code, 0)
    const ended = (await readRegistry(world.bus.nc)).vqpus.get('v1')
    assert.deepEqual([ended?.state, ended?.why], ['ended', 'SIGTERM'])
  })

  describe('that is ready', () => {
    before(() => world.vqpu('v2').then(() => {}))

    it('records an unknown gate with its line and column', async () => {
      await world.circuit('v2', { run: 'r1', step: 10, attempt: 1 }, { source: UNKNOWN_GATE })
      const { error } = await world.attempt('r1', 10)
      assert.equal(error.code, 'CIRCUIT_INVALID')
      assert.deepEqual(error.facts, { line: 6, column: 1, circuitCode: 'CIRCUIT_UNKNOWN_GATE' })
      await world.settled('v2')
    })

    it('records what a circuit that is too wide needs and what there is', async () => {
      await world.circuit('v2', { run: 'r1', step: 11, attempt: 1 }, { source: wide(60) })
      const { error } = await world.attempt('r1', 11)
      assert.equal(error.code, 'CIRCUIT_UNSUPPORTED')
      assert.match(error.message, /60 qubits/)
      assert.match(error.message, /at most \d+ qubits/)
    })

    it('records that a circuit took longer than its time-out', async () => {
      const id = { run: 'r1', step: 12, attempt: 1 }
      await world.circuit('v2', id, { source: slow(100) }, { timeoutSeconds: 0.3 })
      assert.equal((await world.attempt('r1', 12)).error.code, 'TIMEOUT')
    })

    it('makes a dead letter of a poisoned message and goes on', async () => {
      const poisoned = subject.circuit('v2', { run: 'r1', step: 13, attempt: 1 })
      await world.publish(STREAM.circuits, poisoned, Buffer.from('not a command'))
      await world.circuit('v2', { run: 'r1', step: 14, attempt: 1 }, { source: BELL })
      await world.outcome('r1', 14)
      await world.settled('v2')
      const [letter] = await readLastOf(world.bus.nc, STREAM.dead, [
        `${subject.dead(STREAM.circuits, poisoned)}.>`,
      ])
      assert.ok(letter)
    })

    it('drops what is settled, and what nobody asked for, without a record', async () => {
      await world.request('r-done')
      await world.publish(STREAM.runs, record('r-done').completed, {})
      await world.circuit('v2', { run: 'r-done', step: 1, attempt: 1 }, { source: BELL })
      await world.circuit('v2', { run: 'r-unknown', step: 1, attempt: 1 }, { source: BELL })
      await world.publish(STREAM.runs, record('r1').attempt(15, 1), {})
      await world.circuit('v2', { run: 'r1', step: 15, attempt: 1 }, { source: BELL })
      await world.settled('v2')
      const outcomes = [record('r-done').outcome(1), record('r-unknown').outcome(1), record('r1').outcome(15)]
      assert.deepEqual(await readLastOf(world.bus.nc, STREAM.runs, outcomes), [])
    })

    it('stops a circuit when its run is cancelled, and is free for the next', async () => {
      await world.request('r-cancel')
      const running = await world.running('r-cancel')
      await world.circuit('v2', { run: 'r-cancel', step: 1, attempt: 1 }, { source: slow(600) })
      await running.seen
      await world.publish(STREAM.runs, record('r-cancel').cancel, { by: 'test', at: Date.now() })
      world.bus.nc.publish(subject.control('r-cancel'))
      const start = performance.now()
      await world.settled('v2')
      assert.ok(performance.now() - start < 3_000)
      assert.equal(await world.has(STREAM.runs, record('r-cancel').outcome(1)), false)
      assert.equal(await world.has(STREAM.runs, record('r-cancel').attempt(1, 1)), false)
    })

    it('stops it too when the control message is lost: a heartbeat asks', async () => {
      await world.request('r-quiet')
      const running = await world.running('r-quiet')
      await world.circuit('v2', { run: 'r-quiet', step: 1, attempt: 1 }, { source: slow(600) })
      await running.seen
      await world.publish(STREAM.runs, record('r-quiet').cancel, { by: 'test', at: Date.now() })
      await world.settled('v2')
    })

    it('gives up a circuit that was lost with its hosts five times', async () => {
      const id = { run: 'r1', step: 16, attempt: 1 }
      await world.queue('v5')
      await world.circuit('v5', id, { source: BELL })
      await world.loseOne('v5')
      for (let nth = 1; nth <= 5; nth++) await world.publish(STREAM.runs, record('r1').lost(16, 1, nth), {})
      await world.vqpu('v5')
      assert.equal((await world.attempt('r1', 16)).error.code, 'LOST')
      await world.settled('v5')
    })
  })

  it('drains when asked: finishes what runs, hands the rest to the pool, and ends', async () => {
    await world.request('r-drain')
    await world.queue('pool-p')
    const first = await world.vqpu('p-1', '--pool', 'p')
    const steps = Array.from({ length: 6 }, (_, i) => i + 1)
    const running = await world.running('r-drain')
    for (const step of steps)
      await world.circuit('pool-p', { run: 'r-drain', step, attempt: 1 }, { source: slow(3) })
    await running.seen
    const reply = await world.bus.nc.request(subject.command('p-1', 'drain'), '', { timeout: 2_000 })
    assert.equal(decode(CommandReply, reply.data).ok, true)
    assert.deepEqual(await exitOf(first), { code: 0, signal: null })
    const ended = (await readRegistry(world.bus.nc)).vqpus.get('p-1')
    assert.deepEqual([ended?.state, ended?.why], ['ended', 'drain was asked for'])

    await world.vqpu('p-2', '--pool', 'p')
    const writers = new Set<string | undefined>()
    for (const step of steps) writers.add((await world.outcome('r-drain', step)).device)
    assert.deepEqual([...writers].sort(), ['p-1', 'p-2'])
    await world.settled('pool-p')
  })

  it('ends by itself before its walltime is over', async () => {
    const host = await world.vqpu('brief', '--shared', '--walltime', '5')
    assert.deepEqual(await exitOf(host), { code: 0, signal: null })
    const entry = (await readRegistry(world.bus.nc)).vqpus.get('brief')
    assert.deepEqual([entry?.state, entry?.why], ['ended', 'walltime'])
    assert.ok(Date.now() < (entry?.endsAt ?? 0))
  })

  it('killed amid its circuits: its successor runs the rest, and each is recorded once', async () => {
    await world.request('r-kill')
    const first = await world.vqpu('k1')
    const steps = Array.from({ length: 60 }, (_, i) => i + 1)
    const sources = (step: number) => (step % 10 === 0 ? slow(2) : BELL)
    await Promise.all(
      steps.map((step) =>
        world.circuit('k1', { run: 'r-kill', step, attempt: 1 }, { source: sources(step) }),
      ),
    )
    await world.outcome('r-kill', 1)
    first.kill('SIGKILL')
    await exitOf(first)
    await world.vqpu('k1')
    for (const step of steps) assert.equal((await world.outcome('r-kill', step)).state, 'completed')
    await world.settled('k1')
    const log = await readLastOf(world.bus.nc, STREAM.runs, [record('r-kill').all])
    const losses = log.filter((each) => each.subject.includes('.lost.'))
    assert.ok(
      losses.length > 0 && losses.every((each) => each.subject.endsWith('.lost.1')),
      `${losses.length} losses`,
    )
    assert.equal(log.filter((each) => /\.step\.\d+$/.test(each.subject)).length, steps.length)
    assert.ok(await readLast(world.bus.nc, STREAM.circuits, filter.deviceCircuits('k1')))
  })
})
