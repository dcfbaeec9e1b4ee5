import assert from 'node:assert/strict'
import { test } from 'node:test'
import { balance } from '../../services/results/balance.ts'

const units = Array.from({ length: 16 }, (_, unit) => unit)

test('an actor that is alone takes every part that nobody holds', () => {
  const { release, take } = balance({ units, mine: [], held: [3], actors: 1, start: 0 })
  assert.deepEqual(release, [])
  assert.deepEqual(
    take,
    units.filter((unit) => unit !== 3),
  )
})

test('an actor gives back what is more than its share when another comes', () => {
  assert.equal(balance({ units, mine: units, held: units, actors: 2, start: 0 }).release.length, 8)
  assert.deepEqual(balance({ units, mine: units.slice(0, 8), held: units, actors: 2, start: 0 }), {
    release: [],
    take: [],
  })
})

test('whatever the number of actors, every part is held by exactly one after some rounds', () => {
  for (let actors = 1; actors <= 20; actors++) {
    const mine: number[][] = [[...units], ...Array.from({ length: actors - 1 }, () => [] as number[])]
    for (let round = 0; round < 4; round++) {
      mine.forEach((own, actor) => {
        const decision = balance({ units, mine: own, held: mine.flat(), actors, start: actor * 5 })
        mine[actor] = own.filter((unit) => !decision.release.includes(unit)).concat(decision.take)
      })
    }
    assert.deepEqual(
      mine.flat().sort((a, b) => a - b),
      units,
      `${actors} actors`,
    )
    assert.ok(mine.every((own) => own.length <= Math.ceil(16 / actors)))
  }
})

test('actors that look from different places reach for different parts first', () => {
  const from = (start: number) => balance({ units, mine: [], held: [], actors: 4, start }).take
  assert.deepEqual(from(0), [0, 1, 2, 3])
  assert.deepEqual(from(4 + 16), [4, 5, 6, 7])
})
