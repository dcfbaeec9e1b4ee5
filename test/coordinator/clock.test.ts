import assert from 'node:assert/strict'
import { it, mock } from 'node:test'
import { clockBy } from '../../services/coordinator/clock.ts'

const realClock = clockBy(() => Date.now())
const DAY = 24 * 3600 * 1000

/** @param body is told how to ask how many timers were set. */
function withTimers(body: (timersSet: () => number) => void): void {
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_000 })
  const mocked = globalThis.setTimeout
  let set = 0
  // As the runtime does: a longer wait than it can count becomes none.
  const bounded = (then: () => void, ms: number) => {
    set++
    return mocked(then, ms > 2 ** 31 - 1 ? 1 : ms)
  }
  globalThis.setTimeout = bounded as typeof mocked
  try {
    body(() => set)
  } finally {
    globalThis.setTimeout = mocked
    mock.timers.reset()
  }
}

it('what is due already happens at once', () =>
  withTimers(() => {
    let happened = 0
    realClock.at(1_000, () => happened++)
    realClock.at(-5, () => happened++)
    assert.equal(happened, 2)
  }))

it('what is due later happens then, once', () =>
  withTimers(() => {
    let happened = 0
    realClock.at(1_500, () => happened++)
    mock.timers.tick(499)
    assert.equal(happened, 0)
    mock.timers.tick(1)
    mock.timers.tick(10_000)
    assert.equal(happened, 1)
  }))

it('what is due in a year happens in a year, although a timer reaches 25 days only', () =>
  withTimers((timersSet) => {
    let happened = 0
    realClock.at(1_000 + 365 * DAY, () => happened++)
    for (let day = 0; day < 364; day++) mock.timers.tick(DAY)
    assert.equal(happened, 0)
    assert.ok(timersSet() <= 20, `${timersSet()} timers`)
    mock.timers.tick(DAY)
    assert.equal(happened, 1)
  }))

it('what is cleared never happens, also beyond the reach of one timer', () =>
  withTimers(() => {
    let happened = 0
    const timer = realClock.at(1_000 + 40 * DAY, () => happened++)
    for (let day = 0; day < 30; day++) mock.timers.tick(DAY)
    timer.clear()
    for (let day = 0; day < 30; day++) mock.timers.tick(DAY)
    assert.equal(happened, 0)
  }))

it('when the time jumps, what is due by then happens, and what is due later keeps its time', () =>
  withTimers(() => {
    let ahead = 0
    const clock = clockBy(() => Date.now() + ahead)
    const happened: string[] = []
    clock.at(1_000 + 3_600_000, () => happened.push('in an hour'))
    clock.at(1_000 + 7_200_000, () => happened.push('in two'))
    clock.at(1_000 + 3_600_000, () => happened.push('never')).clear()
    ahead = 3_600_000
    clock.moved()
    assert.deepEqual(happened, ['in an hour'])
    ahead = 0
    clock.moved()
    mock.timers.tick(7_199_999)
    assert.deepEqual(happened, ['in an hour'])
    mock.timers.tick(1)
    assert.deepEqual(happened, ['in an hour', 'in two'])
  }))
