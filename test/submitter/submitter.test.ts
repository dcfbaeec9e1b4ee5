import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { readLastOf } from '#shared/bus/direct.ts'
import { putEntry } from '#shared/bus/registry.ts'
import { registryKey, type VqpuEntry } from '#shared/contract/registry.ts'
import { RouteRecord } from '#shared/contract/step-record.ts'
import { CONSUMER, REGISTRY_BUCKET, STREAM } from '#shared/contract/streams.ts'
import { record, type StepIdentity, subject } from '#shared/contract/subjects.ts'
import { decode } from '#shared/wire/message.ts'
import { BELL, UNKNOWN_GATE, wide } from '../vqpu/circuits.ts'
import { until } from '../vqpu/until.ts'
import { withBroker } from '../vqpu/with-broker.ts'
import { exitOf, type World } from '../vqpu/world.ts'

const first = (run: string, step: number): StepIdentity => ({ run, step, attempt: 1 })

describe('a submitter', () => {
  let world: World
  const devices = new Map<string, VqpuEntry>()
  let beat: NodeJS.Timeout

  /** A device that gives signs of life and runs nothing. */
  function pretend(id: string, more: Partial<VqpuEntry> = {}): void {
    devices.set(id, {
      ...{ id, engine: 'embedded', engineVersion: '1', state: 'ready', actor: 'a', host: 'h', pid: 1 },
      ...{ maxQubits: 26, methods: ['statevector'], gates: 'any', languages: ['openqasm2'] },
      ...{ queued: 0, running: 0, done: 0, startedAt: 0 },
      ...more,
    })
    tell()
  }

  function tell(): void {
    for (const entry of devices.values()) putEntry(world.bus.nc, registryKey.vqpu(entry.id), entry)
  }

  /** Takes all entries out of the registry at once, where a device that falls silent takes its time. */
  function forgetAll(): void {
    for (const id of devices.keys()) world.bus.nc.publish(`$KV.${REGISTRY_BUCKET}.${registryKey.vqpu(id)}`)
    devices.clear()
  }

  async function routeOf(id: StepIdentity): Promise<RouteRecord> {
    const at = record(id.run).route(id.step, id.attempt)
    await until(
      () => world.has(STREAM.runs, at),
      () => `no route ${at}`,
    )
    const [stored] = await readLastOf(world.bus.nc, STREAM.runs, [at])
    return decode(RouteRecord, stored?.data ?? new Uint8Array())
  }

  const settled = () => world.settled('', STREAM.submissions, CONSUMER.submissions)

  before(async () => {
    world = await withBroker()
    beat = setInterval(tell, 1_000)
    await world.request('r1')
    await Promise.all([world.submitter('--grace', '6'), world.submitter('--grace', '6')])
  })
  after(async () => {
    clearInterval(beat)
    await world[Symbol.asyncDispose]()
  })

  it('refuses a bad grace on the command line', async () => {
    const submitter = world.actor('submitter', '--grace', 'soon')
    assert.equal((await exitOf(submitter)).code, 2)
    assert.match(submitter.log(), /--grace "soon"/)
  })

  it('queues a circuit on the device that it names, and records that', async () => {
    pretend('named')
    await world.bus.nc.flush()
    await world.submit(first('r1', 1), { source: BELL, device: 'named' })
    assert.equal((await routeOf(first('r1', 1))).device, 'named')
    await settled()
    assert.ok(await world.has(STREAM.circuits, subject.circuit('named', first('r1', 1))))
  })

  it('queues for the pool when nothing is ready, so that the allocator starts a vQPU', async () => {
    forgetAll()
    await world.submit(first('r1', 2), { source: BELL, device: 'vqpu' })
    assert.equal((await routeOf(first('r1', 2))).device, 'pool-vqpu')
  })

  it('says where a circuit is wrong', async () => {
    await world.submit(first('r1', 3), { source: UNKNOWN_GATE, device: 'any', file: 'bell.qasm' })
    const { error } = await world.attempt('r1', 3)
    assert.equal(error.code, 'CIRCUIT_INVALID')
    assert.deepEqual(error.facts, {
      line: 6,
      column: 1,
      circuitCode: 'CIRCUIT_UNKNOWN_GATE',
      file: 'bell.qasm',
    })
    await settled()
  })

  it('says how many qubits are needed and how many there are', async () => {
    pretend('small', { maxQubits: 20 })
    await world.submit(first('r1', 4), { source: wide(25), device: 'small' })
    const { error } = await world.attempt('r1', 4)
    assert.equal(error.code, 'CIRCUIT_UNSUPPORTED')
    assert.match(error.message, /needs 25 qubits, small has 20/)
  })

  it('says which devices there are when the named one is unknown', async () => {
    await world.submit(first('r1', 5), { source: BELL, device: 'nowhere' })
    const { error } = await world.attempt('r1', 5)
    assert.equal(error.code, 'UNKNOWN_DEVICE')
    assert.match(error.message, /no device "nowhere" is known; there is .*small/)
  })

  it('makes a dead letter of a poisoned submission and goes on', async () => {
    const poisoned = subject.submission(first('r1', 6))
    await world.publish(STREAM.submissions, poisoned, Buffer.from('not a command'))
    await world.submit(first('r1', 7), { source: BELL, device: 'vqpu' })
    await routeOf(first('r1', 7))
    await settled()
    assert.ok(await world.has(STREAM.dead, `${subject.dead(STREAM.submissions, poisoned)}.>`))
  })

  it('drops what belongs to a cancelled run', async () => {
    await world.publish(STREAM.runs, record('r-off').cancel, { by: 'test', at: 0 })
    await world.submit(first('r-off', 1), { source: BELL, device: 'vqpu' })
    await settled()
    assert.equal(await world.has(STREAM.circuits, subject.circuit('pool-vqpu', first('r-off', 1))), false)
  })

  it('uses the route that another submitter recorded before it was killed', async () => {
    pretend('least-busy')
    const route: RouteRecord = { device: 'other', why: 'test', writer: 'w', at: 0 }
    await world.publish(STREAM.runs, record('r1').route(8, 1), route)
    await world.submit(first('r1', 8), { source: BELL, device: 'any' })
    await settled()
    assert.ok(await world.has(STREAM.circuits, subject.circuit('other', first('r1', 8))))
    assert.equal(await world.has(STREAM.circuits, subject.circuit('least-busy', first('r1', 8))), false)
  })

  it('killed amid many: each submission gets one route and one command', async () => {
    forgetAll()
    for (const id of ['a', 'b', 'c']) pretend(id)
    await world.request('r-many')
    const third = await world.submitter('--grace', '2')
    const steps = Array.from({ length: 300 }, (_, i) => i + 1)
    const sent = steps.map((step) => world.submit(first('r-many', step), { source: BELL, device: 'any' }))
    await Promise.race(sent)
    third.kill('SIGKILL')
    await Promise.all(sent)
    await settled()
    const log = await readLastOf(world.bus.nc, STREAM.runs, [record('r-many').all])
    const routes = new Map(
      log
        .filter((each) => each.subject.includes('.route.'))
        .map((each) => [each.subject, decode(RouteRecord, each.data)]),
    )
    assert.equal(routes.size, steps.length)
    const commands = await readLastOf(
      world.bus.nc,
      STREAM.circuits,
      ['a', 'b', 'c', 'pool-vqpu', 'small', 'least-busy'].flatMap((device) =>
        steps.map((step) => subject.circuit(device, first('r-many', step))),
      ),
    )
    assert.equal(commands.length, steps.length)
    for (const step of steps) {
      const { device } = routes.get(record('r-many').route(step, 1)) ?? assert.fail()
      assert.ok(commands.some((each) => each.subject === subject.circuit(device, first('r-many', step))))
    }
    assert.ok(new Set([...routes.values()].map((each) => each.device)).size > 1, 'the load was spread')
  })

  it('ends the attempts of a device that has ended: uncharged where it was our choice', async () => {
    forgetAll()
    pretend('gone')
    await world.queue('gone')
    await world.submit(first('r1', 20), { source: BELL, device: 'any' })
    assert.equal((await routeOf(first('r1', 20))).device, 'gone')
    await world.submit(first('r1', 21), { source: BELL, device: 'gone' })
    await routeOf(first('r1', 21))
    await settled()
    pretend('gone', { state: 'ended', why: 'walltime' })
    const chosen = await world.attempt('r1', 20)
    const named = await world.attempt('r1', 21)
    assert.deepEqual([chosen.error.code, chosen.uncharged, chosen.device], ['DEVICE_GONE', true, 'gone'])
    assert.deepEqual([named.error.code, named.uncharged], ['DEVICE_GONE', false])
    assert.match(named.error.message, /gone was gone before it ran the circuit: it has ended: walltime/)
  })

  it('ends those of a device that fell silent: at once what may run elsewhere, after a grace what named it', async () => {
    forgetAll()
    pretend('silent')
    await world.queue('silent')
    await world.submit(first('r1', 30), { source: BELL, device: 'any' })
    await world.submit(first('r1', 31), { source: BELL, device: 'silent' })
    assert.equal((await routeOf(first('r1', 30))).device, 'silent')
    await settled()
    devices.clear()
    const chosen = await world.attempt('r1', 30)
    assert.equal(chosen.uncharged, true)
    const named = await world.attempt('r1', 31)
    assert.equal(named.uncharged, false)
    assert.match(named.error.message, /nothing was heard of it/)
    assert.ok(named.endedAt - chosen.endedAt >= 1_000, `${named.endedAt - chosen.endedAt} ms`)
  })
})
