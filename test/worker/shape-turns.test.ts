import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { HeldTask } from '../../services/worker/held-task.ts'
import { fitting, Resources, shapeOfQueue } from '../../services/worker/resources/resources.ts'
import { ShapeTurns } from '../../services/worker/shape-turns.ts'

const queued = (shape: string, key: string, name = 'one') =>
  ({
    shape,
    key,
    state: 'queued',
    command: { kind: 'task', name },
    material: { file: 'f' },
  }) as unknown as HeldTask

function all(turns: ShapeTurns, fits: Parameters<ShapeTurns['next']>[0] = () => true): string[] {
  const keys: string[] = []
  for (let next = turns.next(fits); next; next = turns.next(fits)) keys.push(next.tasks[0]?.key ?? '')
  return keys
}

describe('turns', () => {
  it('go round the shapes, and keep the order within one', () => {
    const turns = new ShapeTurns()
    for (const key of ['a1', 'a2', 'a3']) turns.add(queued('c1', key))
    for (const key of ['b1', 'b2']) turns.add(queued('c2', key))
    assert.deepEqual(all(turns), ['a1', 'b1', 'a2', 'b2', 'a3'])
  })

  it('leave out what there is no room for, and nothing behind it waits', () => {
    const turns = new ShapeTurns()
    for (const key of ['big', 'big2']) turns.add(queued('c8', key))
    for (const key of ['s1', 's2']) turns.add(queued('c1', key))
    assert.deepEqual(
      all(turns, ({ cores }) => cores < 8),
      ['s1', 's2'],
    )
    assert.deepEqual(all(turns), ['big', 'big2'])
  })

  it('pass over what is no longer wanted, and begin with what has to run again', () => {
    const turns = new ShapeTurns()
    const [a, b, c] = [queued('c1', 'a'), queued('c1', 'b'), queued('c1', 'c')] as const
    for (const each of [a, b, c]) turns.add(each)
    a.state = 'answered'
    turns.addAgain([queued('c1', 'again1'), queued('c1', 'again2')])
    assert.deepEqual(all(turns), ['again1', 'again2', 'b', 'c'])
  })

  it('take those of one kind together, as far as they follow each other', () => {
    const turns = new ShapeTurns()
    for (const [key, name] of [['1'], ['2'], ['3'], ['4', 'other'], ['5']] as const)
      turns.add(queued('c1', key, name))
    const next = turns.next(() => true)
    assert.deepEqual(
      next?.take('f one  ', 10).map(({ key }) => key),
      ['2', '3'],
    )
    assert.deepEqual(all(turns), ['4', '5'])
  })

  it('say who has waited longest', () => {
    const turns = new ShapeTurns()
    turns.add(queued('c4', 'big'))
    turns.add(queued('c1', 'small'))
    all(turns, ({ cores }) => cores < 4)
    assert.equal(turns.longestWaiting(performance.now() - 60_000), undefined)
    assert.deepEqual(turns.longestWaiting(performance.now() + 1), shapeOfQueue('c4'))
    all(turns)
    assert.equal(turns.longestWaiting(performance.now() + 1), undefined)
  })
})

describe('what a worker has', () => {
  it('is handed out and taken back whole, each GPU to one at a time', () => {
    const resources = new Resources({ cores: 8, memoryMiB: 4096, gpus: ['a', 'b', 'c'] })
    const before = resources.free
    const shapes = ['c1g1', 'c2m1024g2', 'c1', 'c4m2048', 'c1g1'].map(shapeOfQueue)
    const grants = shapes.map((shape) => resources.take(shape))
    assert.deepEqual(
      grants.map((grant) => grant?.gpus),
      [['a'], ['b', 'c'], [], [], undefined],
    )
    assert.deepEqual(resources.free, { cores: 0, memoryMiB: 1024, gpus: 0 })
    for (const grant of grants.toReversed()) if (grant) resources.give(grant)
    assert.deepEqual(resources.free, before)
    assert.deepEqual(resources.take(shapeOfQueue('c1g3'))?.gpus, ['a', 'b', 'c'])
  })

  it('bounds how many fit by what there is least of', () => {
    const room = { cores: 8, memoryMiB: 1000, gpus: 1 }
    for (const [token, count] of [
      ['c1', 8],
      ['c3', 2],
      ['c1m512', 1],
      ['c1g1', 1],
      ['c1g2', 0],
      ['c9', 0],
    ] as const)
      assert.equal(fitting(shapeOfQueue(token), room), count, token)
  })
})
