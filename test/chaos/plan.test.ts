import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FAULTS, type FaultKind } from '../../scripts/chaos-run/faults.ts'
import { expectedOf } from '../../scripts/chaos-run/operations.ts'
import { planRound } from '../../scripts/chaos-run/round.ts'

const ALL = new Set(FAULTS)

test('a seed gives the same round again, and another seed another one', () => {
  assert.deepEqual(planRound(7, ALL), planRound(7, ALL))
  assert.notDeepEqual(planRound(7, ALL).runs, planRound(8, ALL).runs)
})

test('a round has the same runs whatever faults are possible', () => {
  assert.deepEqual(planRound(7, new Set<FaultKind>(['kill'])).runs, planRound(7, ALL).runs)
})

test('two hundred rounds have every fault and every operation', () => {
  const rounds = Array.from({ length: 200 }, (_, seed) => planRound(seed, ALL))
  assert.deepEqual(new Set(rounds.flatMap(({ faults }) => faults.map(({ fault }) => fault))), ALL)
  const text = JSON.stringify(rounds)
  for (const op of [
    'tasks',
    'map',
    'limited',
    'caught',
    'group',
    'program',
    'circuits',
    'sleep',
    'dropped',
    'set',
  ])
    assert.ok(text.includes(`{"op":"${op}"`), op)
  for (const op of ['wait', 'vain', 'effect', 'large', 'sub']) assert.ok(text.includes(`{"op":"${op}"`), op)
})

test('what a flow must come to is known from what it is told to do', () => {
  assert.deepEqual(
    expectedOf([
      [
        { op: 'tasks', uses: [{ value: 3, ms: 1, failures: 2 }] },
        { op: 'circuits', device: 'any', id: 1, bits: [0, 2], shots: 5 },
        { op: 'sub', branches: [[{ op: 'caught', message: 'm', ms: 1 }]] },
      ],
      [{ op: 'vain', name: 'n', seconds: 1 }],
    ]),
    [[[9], [{ '001': 5 }, { '100': 5 }], [['m']]], ['TIMEOUT']],
  )
})
