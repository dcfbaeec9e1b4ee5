import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { demandOf, isNews } from '../../services/coordinator/demand.ts'
import { laneOf } from '../../services/coordinator/turns/lanes.ts'

describe('the demand of a coordinator', () => {
  it('adds up what waits by pool, over all shapes, and by device; limits and sub-flows start nobody', () => {
    const waiting = (): Iterable<[string, number]> => [
      [laneOf.task('cpu', 'c1'), 3],
      [laneOf.task('cpu', 'c4g1'), 2],
      [laneOf.task('gpu', 'c1'), 1],
      [laneOf.circuit('any'), 7],
      [laneOf.limit('db'), 9],
      [laneOf.flows('run'), 9],
    ]
    assert.deepEqual(demandOf({ waiting }, () => {}).current(), {
      tasks: { cpu: 5, gpu: 1 },
      circuits: { any: 7 },
    })
  })

  it('is told at once when it differs much from what was told last', () => {
    let count = 0
    let news = 0
    const demand = demandOf(
      { waiting: () => (count === 0 ? [] : [[laneOf.task('cpu', 'c1'), count] as [string, number]]) },
      () => news++,
    )
    const look = (now: number): number => {
      count = now
      demand.look()
      return news
    }
    assert.equal(look(0), 0)
    assert.equal(look(10), 1)
    demand.current()
    assert.equal(look(19), 1)
    assert.equal(look(20), 2)
    assert.equal(look(5), 3)
    assert.equal(look(6), 3)
  })
})

describe('news', () => {
  const of = (count: number | undefined): Record<string, number> => (count === undefined ? {} : { x: count })
  for (const [before, now, expected] of [
    [undefined, undefined, false],
    [undefined, 1, true],
    [1, undefined, true],
    [0, undefined, false],
    [100, 199, false],
    [100, 200, true],
    [100, 51, false],
    [100, 50, true],
  ] as const)
    it(`${expected ? 'is' : 'is not'} that ${before ?? 'none'} became ${now ?? 'none'}`, () => {
      for (const other of [{}, { y: 5 }] as Record<string, number>[]) {
        const [tasks, circuits] = [other, other]
        assert.equal(isNews({ tasks: of(before), circuits }, { tasks: of(now), circuits }), expected)
        assert.equal(isNews({ tasks, circuits: of(before) }, { tasks, circuits: of(now) }), expected)
      }
    })
})
