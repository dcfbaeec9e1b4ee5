import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Lanes, laneOf, type Turn } from '../../../services/coordinator/turns/lanes.ts'
import type { Source } from '../../../services/coordinator/turns/turns.ts'

const TASKS = laneOf.task('cpu', 'c1')

function open(places: Record<string, number | undefined> = {}) {
  const time = { now: 0 }
  const lanes = new Lanes({
    clock: { now: () => time.now, at: () => ({ clear() {} }) },
    placesOf: (lane) => places[lane],
  })
  return { lanes, places, time }
}

function source(count: number, onTurn: (n: number) => void = () => {}): Source<Turn> & { had: number } {
  return {
    had: 0,
    next() {
      if (this.had === count) return undefined
      const n = ++this.had
      return { go: () => onTurn(n) }
    },
    get size() {
      return count - this.had
    },
  }
}

describe('a lane', () => {
  it('gives as many turns as its queue should hold, and the next one for each that is over', () => {
    const { lanes } = open({ [TASKS]: 8 })
    const wanted = source(100)
    lanes.add(TASKS, 'a', 0, wanted)
    assert.equal(wanted.had, 11)
    lanes.release(TASKS)
    lanes.release(TASKS)
    assert.equal(wanted.had, 13)
  })

  it('gives a run that comes beside a large one the very next turn', () => {
    const { lanes } = open({ [TASKS]: 8 })
    const [large, small] = [source(100_000), source(1)]
    lanes.add(TASKS, 'large', 0, large)
    lanes.add(TASKS, 'small', 0, small)
    assert.equal(small.had, 0)
    lanes.release(TASKS)
    lanes.release(TASKS)
    assert.equal(small.had, 1)
  })

  it('gives more turns when more workers come', () => {
    const { lanes, places } = open()
    const wanted = source(100)
    lanes.add(TASKS, 'a', 0, wanted)
    assert.equal(wanted.had, 16)
    places[TASKS] = 40
    lanes.look()
    assert.equal(wanted.had, 51)
  })

  it('gives more turns while what it gave is begun at once, and fewer when it waits', () => {
    const { lanes, time } = open({ [TASKS]: 8 })
    const wanted = source(1_000)
    lanes.add(TASKS, 'a', 0, wanted)
    for (let i = 0; i < 9; i++) lanes.begun(TASKS, 10)
    assert.equal(wanted.had, 20)
    time.now = 10_000
    lanes.begun(TASKS, 2_000)
    for (let i = 0; i < 9; i++) lanes.release(TASKS)
    assert.equal(wanted.had, 20, 'eleven are out, which is the least')
    lanes.release(TASKS)
    assert.equal(wanted.had, 21)
  })

  it('whose turn is over within the turn itself gives every turn, without growing the stack', () => {
    const { lanes } = open({ [TASKS]: 8 })
    const wanted = source(50_000, () => lanes.release(TASKS))
    lanes.add(TASKS, 'a', 0, wanted)
    assert.equal(wanted.had, 50_000)
    assert.deepEqual([...lanes.waiting()], [])
  })

  it('forgets what a dropped run waits for, and keeps the places of what it has out', () => {
    const { lanes } = open({ [TASKS]: 8 })
    const [dropped, other] = [source(100), source(100)]
    lanes.add(TASKS, 'dropped', 0, dropped)
    lanes.add(TASKS, 'other', 0, other)
    lanes.drop('dropped')
    assert.equal(other.had, 0)
    for (let i = 0; i < 11; i++) lanes.release(TASKS)
    assert.deepEqual([dropped.had, other.had], [11, 11])
  })

  it('says how many wait in it', () => {
    const { lanes } = open({ [TASKS]: 8 })
    lanes.add(TASKS, 'a', 0, source(20))
    lanes.add(laneOf.circuit('any'), 'a', 0, source(20))
    assert.deepEqual(
      [...lanes.waiting()],
      [
        [TASKS, 9],
        ['circuit any', 4],
      ],
    )
  })
})

describe('a lane of fixed size', () => {
  it('of a limit has a few more than the places, however long the wait', () => {
    const limit = laneOf.limit('db')
    const { lanes, time } = open({ [limit]: 4 })
    const wanted = source(100)
    lanes.add(limit, 'a', 0, wanted)
    time.now = 1e6
    for (const waited of [0, 0, 0, 100_000]) lanes.begun(limit, waited)
    assert.equal(wanted.had, 6)
  })

  it('of a run whose limit got fewer places gives fewer turns', () => {
    const limit = laneOf.limit('db')
    const { lanes, places } = open({ [limit]: 40 })
    const wanted = source(1_000)
    lanes.add(limit, 'a', 0, wanted)
    assert.equal(wanted.had, 51)
    places[limit] = 1
    lanes.look()
    for (let i = 0; i < 48; i++) lanes.release(limit)
    assert.equal(wanted.had, 51)
    lanes.release(limit)
    assert.equal(wanted.had, 52)
  })

  it('of sub-flows is the own one of each run', () => {
    const { lanes } = open()
    const [a, b] = [source(1_000), source(1_000)]
    lanes.add(laneOf.flows('a'), 'a', 0, a)
    lanes.add(laneOf.flows('b'), 'b', 0, b)
    assert.deepEqual([a.had, b.had], [256, 256])
  })
})
