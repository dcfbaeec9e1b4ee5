import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { meanAfter, paceFor } from '../../services/vqpu/pace.ts'

describe('how many circuits a host holds', () => {
  it('a host that knows nothing yet takes two a thread', () => {
    assert.deepEqual(paceFor(4, undefined), { running: 4, ahead: 4 })
  })

  it('long circuits are not hoarded: nothing waits behind what runs', () => {
    assert.deepEqual(paceFor(2, 30), { running: 2, ahead: 0 })
  })

  it('of short circuits enough are on the way to keep the threads busy, within a bound', () => {
    const pace = paceFor(2, 0.0001)
    assert.equal(pace.running, 16)
    assert.equal(pace.ahead, 256)
    assert.equal(paceFor(1000, 0).ahead, 256)
  })

  it('what waits is never more than about 50 ms of work for each thread', () => {
    for (const seconds of [0.001, 0.004, 0.02, 0.3])
      assert.ok(paceFor(2, seconds).ahead * seconds <= 2 * 0.05 + 1e-9)
  })

  it('the mean follows a change of load within some circuits', () => {
    let mean: number | undefined
    for (let i = 0; i < 10; i++) mean = meanAfter(mean, 0.001)
    assert.ok(Math.abs((mean ?? 0) - 0.001) < 1e-9)
    for (let i = 0; i < 10; i++) mean = meanAfter(mean, 10)
    assert.ok((mean ?? 0) > 8)
  })
})
