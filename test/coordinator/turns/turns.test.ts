import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type Source, Turns } from '../../../services/coordinator/turns/turns.ts'

/** `count` things of a run, named `<run><n>`. */
function things(run: string, count: number): Source<string> {
  let next = 0
  return {
    next: () => (next < count ? `${run}${++next}` : undefined),
    get size() {
      return count - next
    },
  }
}

function all(turns: Turns<string>): string[] {
  const taken: string[] = []
  for (let one = turns.next(); one !== undefined; one = turns.next()) taken.push(one)
  return taken
}

describe('turns', () => {
  it('go round the runs, one from each', () => {
    const turns = new Turns<string>()
    turns.add('a', 0, things('a', 4))
    turns.add('b', 0, things('b', 1))
    turns.add('c', 0, things('c', 2))
    assert.deepEqual(all(turns), ['a1', 'b1', 'c1', 'a2', 'c2', 'a3', 'a4'])
  })

  it('are had next by a run that comes beside one with 100,000 things', () => {
    const turns = new Turns<string>()
    turns.add('large', 0, things('large', 100_000))
    for (let i = 0; i < 5_000; i++) turns.next()
    turns.add('small', 0, things('small', 1))
    assert.ok([turns.next(), turns.next()].includes('small1'))
  })

  it('go to the higher priority as long as it has anything, also when it comes later', () => {
    const turns = new Turns<string>()
    turns.add('low', -5, things('low', 2))
    turns.add('plain', 0, things('plain', 2))
    assert.equal(turns.next(), 'plain1')
    turns.add('high', 7, things('high', 2))
    assert.deepEqual(all(turns), ['high1', 'high2', 'plain2', 'low1', 'low2'])
  })

  it('of one run take its sources in the order in which they came', () => {
    const turns = new Turns<string>()
    turns.add('a', 0, things('x', 2))
    turns.add('a', 0, things('y', 1))
    turns.add('b', 0, things('z', 1))
    assert.deepEqual(all(turns), ['x1', 'z1', 'x2', 'y1'])
  })

  it('pass over a source that has nothing now', () => {
    const turns = new Turns<string>()
    turns.add('a', 0, { next: () => undefined, size: 5 })
    turns.add('a', 0, things('a', 1))
    assert.deepEqual(all(turns), ['a1'])
    assert.ok(turns.empty)
  })

  it('forget a run that is dropped, and take it up again when it comes anew', () => {
    const turns = new Turns<string>()
    turns.add('a', 0, things('a', 3))
    turns.add('b', 0, things('b', 1))
    turns.drop('a')
    turns.add('a', 0, things('again', 1))
    assert.equal(turns.size(), 2)
    assert.deepEqual(all(turns).sort(), ['again1', 'b1'])
  })

  it('give everything once, and no run waits longer than all others of its priority together', () => {
    const load = fc.array(
      fc.record({
        run: fc.constantFrom('a', 'b', 'c', 'd'),
        count: fc.nat(30),
        level: fc.integer({ min: 0, max: 1 }),
      }),
      { maxLength: 12 },
    )
    fc.assert(
      fc.property(load, (sources) => {
        const turns = new Turns<string>()
        const levelOf = new Map<string, number>()
        const left = new Map<string, number>()
        for (const [i, { run, count, level }] of sources.entries()) {
          // Whoever comes with something while it still waits keeps the priority that it came with first.
          if (!levelOf.has(run)) levelOf.set(run, level)
          turns.add(run, levelOf.get(run) as number, things(`${run}.${i}.`, count))
          left.set(run, (left.get(run) ?? 0) + count)
        }
        const total = [...left.values()].reduce((sum, count) => sum + count, 0)
        assert.equal(turns.size(), total)
        const taken = all(turns)
        assert.equal(new Set(taken).size, total)
        for (let i = 0; i < taken.length; i++) {
          const run = taken[i]?.split('.')[0] as string
          const level = levelOf.get(run) as number
          for (const [other, count] of left)
            if ((levelOf.get(other) as number) > level) assert.equal(count, 0, `${other} comes before ${run}`)
          if (taken[i - 1]?.startsWith(`${run}.`))
            for (const [other, count] of left)
              if (other !== run && levelOf.get(other) === level) assert.equal(count, 0, `${other} is next`)
          left.set(run, (left.get(run) ?? 0) - 1)
        }
      }),
    )
  })
})
