import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { budgetAfter, leastBudget } from '../../../services/coordinator/turns/lane-budget.ts'

const budget = (size: number, shrunkAt = 0) => ({ size, shrunkAt })

describe('the least that a queue may hold', () => {
  for (const [places, least, why] of [
    [undefined, 16, 'is worth coming for where nobody serves it'],
    [0, 16, 'is the same where those who serve it have no room'],
    [1, 3, 'keeps a second one at hand for one place'],
    [8, 11, 'is a quarter more than the places'],
    [100_000, 2_000, 'is bounded'],
  ] as const)
    it(why, () => assert.equal(leastBudget(places), least))
})

describe('the budget of a queue', () => {
  it('grows by one with each command that is begun soon while others are kept back', () => {
    assert.deepEqual(budgetAfter(budget(10), 5, 125, true, 1_000), budget(11))
  })

  it('does not grow while nobody is kept back', () => {
    assert.deepEqual(budgetAfter(budget(10), 5, 0, false, 1_000), budget(10))
  })

  it('never exceeds 2,000', () => {
    assert.equal(budgetAfter(budget(2_000), 5, 0, true, 1_000).size, 2_000)
  })

  it('stays as it is between half of the target and the target', () => {
    for (const waited of [126, 250])
      assert.deepEqual(budgetAfter(budget(10), 5, waited, true, 1_000), budget(10))
  })

  it('gives way in proportion, but to no less than half at once', () => {
    assert.deepEqual(budgetAfter(budget(100), 5, 300, true, 1_000), budget(83, 1_000))
    assert.deepEqual(budgetAfter(budget(100), 5, 5_000, true, 10_000), budget(50, 10_000))
  })

  it('gives way once for what was sent before it gave way', () => {
    const after = budgetAfter(budget(100), 5, 1_000, true, 10_000)
    assert.equal(budgetAfter(after, 5, 1_000, true, 10_999), after)
    assert.equal(budgetAfter(after, 5, 1_000, true, 11_000).size, 25)
  })

  it('never gives way below the least', () => {
    assert.equal(budgetAfter(budget(12), 11, 60_000, true, 100_000).size, 11)
  })

  it('settles where commands wait about as long as the target, whatever the speed of those who serve', () => {
    for (const perSecond of [20, 400, 3_000]) {
      let now = 0
      let lane = budget(16)
      const sent: number[] = []
      for (let i = 0; i < 40_000; i++) {
        while (sent.length < lane.size) sent.push(now)
        now += 1000 / perSecond
        lane = budgetAfter(lane, 4, now - (sent.shift() as number), true, now)
      }
      const wait = (lane.size / perSecond) * 1000
      assert.ok(
        wait < 600 && (wait > 60 || lane.size === 2_000 || lane.size <= 5),
        `${perSecond}: ${wait} ms`,
      )
    }
  })
})
