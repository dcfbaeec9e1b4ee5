import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { VqpuEntry } from '#shared/contract/registry.ts'
import { chooseDevice, type Surroundings } from '../../services/submitter/choose-device.ts'
import type { CircuitNeeds } from '../../services/submitter/circuit-needs.ts'
import { EMBEDDED } from '../../services/submitter/pool-abilities.ts'

const needs: CircuitNeeds = { qubits: 5, gates: ['h', 'cx'], language: 'openqasm2' }

function device(id: string, more: Partial<VqpuEntry> = {}): VqpuEntry {
  return {
    ...{ id, engine: 'embedded', engineVersion: '1', state: 'ready', actor: 'a', host: 'h', pid: 1 },
    ...{ maxQubits: 26, methods: ['statevector'], gates: 'any', languages: ['openqasm2'] },
    ...{ queued: 0, running: 0, done: 0, startedAt: 0 },
    ...more,
  }
}

function around(devices: VqpuEntry[], more: Partial<Surroundings> = {}): Surroundings {
  return {
    ...{ run: 'r1', devices: new Map(devices.map((each) => [each.id, each])), sentTo: () => 0 },
    ...{ pool: 'vqpu', poolAbilities: EMBEDDED, expected: false },
    ...more,
  }
}

function refusal(wanted: string, of: CircuitNeeds, surroundings: Surroundings) {
  const choice = chooseDevice(wanted, of, surroundings)
  assert.ok('refused' in choice, `chose ${JSON.stringify(choice)}`)
  return choice.refused
}

function chosen(wanted: string, of: CircuitNeeds, surroundings: Surroundings) {
  const choice = chooseDevice(wanted, of, surroundings)
  assert.ok('device' in choice, `refused: ${JSON.stringify(choice)}`)
  return choice
}

describe('a device that is named', () => {
  it('is used when it is ready or starting, and that is no choice', () => {
    for (const state of ['ready', 'starting'] as const) {
      const choice = chosen('d1', needs, around([device('d1', { state })]))
      assert.equal(choice.device, 'd1')
      assert.equal(choice.chosen, false)
    }
  })

  it('that nobody knows is refused with those that are known', () => {
    const { code, message, facts } = refusal('d9', needs, around([device('d1'), device('d2')]))
    assert.equal(code, 'UNKNOWN_DEVICE')
    assert.match(message, /no device "d9" is known; there is d1, d2/)
    assert.deepEqual(facts.known, ['d1', 'd2'])
  })

  it('that is silent but has a queue is expected back', () => {
    assert.equal(chosen('d9', needs, around([], { expected: true })).device, 'd9')
  })

  it('that has ended or drains is gone, with the reason', () => {
    const ended = refusal('d1', needs, around([device('d1', { state: 'ended', why: 'walltime' })]))
    assert.equal(ended.code, 'DEVICE_GONE')
    assert.match(ended.message, /d1 has ended: walltime/)
    assert.match(refusal('d1', needs, around([device('d1', { state: 'draining' })])).message, /is draining/)
  })

  it('of another run is not for this one, but a sub-run may use it', () => {
    const mine = [device('d1', { run: 'r1' })]
    assert.equal(refusal('d1', needs, around(mine, { run: 'r2' })).code, 'UNKNOWN_DEVICE')
    assert.equal(refusal('d1', needs, around(mine, { run: 'r10' })).code, 'UNKNOWN_DEVICE')
    assert.equal(chosen('d1', needs, around(mine, { run: 'r1-4' })).device, 'd1')
  })

  it('that is too small is refused with both numbers, and with a device that would do', () => {
    const two = [device('vqpu-1'), device('big', { maxQubits: 64 })]
    const { code, message } = refusal('vqpu-1', { ...needs, qubits: 40 }, around(two))
    assert.equal(code, 'CIRCUIT_UNSUPPORTED')
    assert.match(message, /needs 40 qubits, vqpu-1 has 26; big would do/)
  })

  it('is told everything that it lacks at once', () => {
    const poor = device('d1', {
      maxQubits: 2,
      methods: ['statevector'],
      gates: ['h'],
      languages: ['openqasm3'],
    })
    const { facts } = refusal('d1', { ...needs, method: 'stabilizer' }, around([poor]))
    assert.equal((facts.lacks as string[]).length, 4)
  })
})

describe('any device', () => {
  it('is the least busy that fits, counting what was sent since its last heartbeat', () => {
    const two = [device('d1', { queued: 1 }), device('d2', { queued: 0 })]
    assert.equal(chosen('any', needs, around(two)).device, 'd2')
    const after = chosen('any', needs, around(two, { sentTo: (id) => (id === 'd2' ? 5 : 0) }))
    assert.equal(after.device, 'd1')
    assert.equal(after.chosen, true)
  })

  it('is not one that is starting, too small, or of another run', () => {
    const useless = [
      device('a', { state: 'starting' }),
      device('b', { maxQubits: 2 }),
      device('c', { run: 'r2' }),
    ]
    assert.equal(chosen('any', needs, around([...useless, device('d', { queued: 99 })])).device, 'd')
  })

  it('of a pool means the queue of that pool, so that whichever is free first takes it', () => {
    assert.equal(chosen('any', needs, around([device('p1', { pool: 'vqpu' })])).device, 'pool-vqpu')
  })

  it('is the queue of the pool when none is ready, since that makes the allocator start one', () => {
    assert.equal(chosen('any', needs, around([])).device, 'pool-vqpu')
  })

  it('is refused at once when not even a new vQPU could run the circuit', () => {
    const { code, message } = refusal('any', { ...needs, qubits: 400 }, around([]))
    assert.equal(code, 'CIRCUIT_UNSUPPORTED')
    assert.match(message, /needs 400 qubits/)
    assert.equal(refusal('vqpu', { ...needs, qubits: 400 }, around([])).code, 'CIRCUIT_UNSUPPORTED')
  })
})

describe('the pool', () => {
  it('is no choice: every submitter says the same', () => {
    assert.deepEqual(
      { ...chosen('vqpu', needs, around([device('d1')])), why: '' },
      { device: 'pool-vqpu', why: '', chosen: false },
    )
  })

  it('takes what one of its members can run, though the embedded engine could not', () => {
    const member = device('p1', { pool: 'vqpu', maxQubits: 100 })
    assert.equal(chosen('vqpu', { ...needs, qubits: 90 }, around([member])).device, 'pool-vqpu')
  })
})
