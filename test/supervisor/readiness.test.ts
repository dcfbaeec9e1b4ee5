import assert from 'node:assert/strict'
import { test } from 'node:test'
import { planActors } from '#infra/supervisor/plan.ts'
import { notReady } from '#infra/supervisor/readiness.ts'

const entry = (name: string, pid: number, state = 'ready') =>
  [
    `${name}-${pid}`,
    { name, id: `${name}-${pid}`, pid, host: 'here', state, startedAt: 0, version: '1' },
  ] as const

test('each actor is known by its process, and a worker must be there where the cluster keeps one', () => {
  const registry = {
    actors: new Map([entry('coordinator', 1), entry('results', 2, 'starting'), entry('worker', 9)]),
    vqpus: new Map(),
  } as never
  const awaited = [
    { name: 'coordinator', pid: () => 1 },
    { name: 'results', pid: () => 2 },
    { name: 'submitter', pid: () => undefined },
  ]
  assert.deepEqual(notReady(registry, 'here', { actors: awaited, worker: true }), ['results', 'submitter'])
  assert.deepEqual(notReady(registry, 'there', { actors: [], worker: true }), [])
  assert.deepEqual(notReady(undefined, 'here', { actors: awaited, worker: true }), [
    'coordinator',
    'results',
    'submitter',
    'worker',
  ])
  assert.deepEqual(notReady(undefined, 'here', { actors: [], worker: false }), [])
})

test('the second of a kind has a number, and only the allocator is told the cluster', () => {
  const planned = planActors({ coordinator: 2, allocator: 1, submitter: 1, results: 1 }, '/c.yaml')
  assert.deepEqual(
    planned.map(({ name, args }) => [name, args.length]),
    [
      ['coordinator', 0],
      ['coordinator-2', 0],
      ['allocator', 2],
      ['submitter', 0],
      ['results', 0],
    ],
  )
})
