import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { orderOf } from '#shared/graph/order.ts'

describe('the order of steps', () => {
  it('keeps to what they wait for, and else to how they are written', () => {
    const after = new Map([
      ['report', ['fit', 'plot']],
      ['fit', []],
      ['plot', ['fit']],
      ['alone', []],
    ])
    assert.deepEqual(orderOf(after), { order: ['fit', 'plot', 'report', 'alone'], circles: undefined })
  })

  it('names each circle by its steps', () => {
    const after = new Map([
      ['a', ['b']],
      ['b', ['c']],
      ['c', ['b']],
      ['self', ['self']],
    ])
    assert.deepEqual(orderOf(after).circles, [
      ['b', 'c', 'b'],
      ['self', 'self'],
    ])
  })

  it('of a long chain is found', () => {
    const names = Array.from({ length: 50_000 }, (_, i) => `s${i}`)
    const after = new Map(names.map((name, i) => [name, i + 1 < names.length ? [`s${i + 1}`] : []]))
    assert.deepEqual(orderOf(after).order, names.toReversed())
  })

  it('is there exactly if there is no circle', () => {
    const graph = fc
      .integer({ min: 1, max: 8 })
      .chain((size) =>
        fc.array(fc.uniqueArray(fc.integer({ min: 0, max: size - 1 })), { minLength: size, maxLength: size }),
      )
    fc.assert(
      fc.property(graph, (edges) => {
        const { order, circles } = orderOf(new Map(edges.map((to, i) => [String(i), to.map(String)])))
        if (order === undefined) {
          for (const circle of circles) {
            assert.equal(circle[0], circle.at(-1))
            for (const [i, name] of circle.slice(0, -1).entries())
              assert.ok(edges[Number(name)]?.includes(Number(circle[i + 1])))
          }
          assert.ok(circles.length > 0)
          return
        }
        assert.deepEqual(order.toSorted(), edges.map((_, i) => String(i)).toSorted())
        for (const [i, to] of edges.entries())
          for (const before of to) assert.ok(order.indexOf(String(before)) < order.indexOf(String(i)))
      }),
    )
  })
})
