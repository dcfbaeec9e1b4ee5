import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LiveRun, StepView } from '#shared/contract/query.ts'
import { mergeViews, type Sources } from '../../scripts/cli/run-view.ts'

const step = (number: number, state: StepView['state'], more: Partial<StepView> = {}): StepView => ({
  step: number,
  name: `s${number}`,
  kind: 'task',
  state,
  attempts: 1,
  ...more,
})
const live = (steps: StepView[], waiting?: string): LiveRun => ({
  run: 'r',
  flow: 'f',
  name: 'f-1',
  coordinator: 'c',
  startedAt: 0,
  requested: 3,
  completed: 1,
  failed: 0,
  outstanding: 2,
  steps,
  ...(waiting === undefined ? {} : { waiting }),
})
const nothing: Sources = {
  run: 'r',
  known: undefined,
  live: undefined,
  summary: undefined,
  steps: [],
  coordinators: 1,
  now: 10_000,
}
const running = {
  state: 'running',
  flow: 'f',
  requested: { name: 'f-1', acceptedAt: 4_000 },
  cancelled: false,
} as never

test('a run that nobody took up is queued, and says whether anybody could', () => {
  const known = { state: 'queued', flow: 'f', requestedAt: 1, cancelled: false } as const
  assert.equal(mergeViews({ ...nothing, known }).waiting, 'queued: no coordinator has taken it up yet')
  assert.equal(
    mergeViews({ ...nothing, known, coordinators: 0 }).waiting,
    'queued: no coordinator is running',
  )
})

test('outstanding steps come from the coordinator, ended ones from storage, which is newer where both speak', () => {
  const view = mergeViews({
    ...nothing,
    known: running,
    live: live([
      step(2, 'running', { startedAt: 9_000 }),
      step(1, 'running'),
      step(3, 'queued', { waiting: 'no worker in pool gpu' }),
    ]),
    steps: [step(1, 'completed', { seconds: 0.5 })],
  })
  assert.deepEqual(
    view.steps.map(({ step: n, state, seconds }) => [n, state, seconds]),
    [
      [1, 'completed', 0.5],
      [2, 'running', 1],
      [3, 'queued', undefined],
    ],
  )
  assert.equal(view.waiting, 'no worker in pool gpu')
  assert.equal(view.seconds, 6)
})

test('an ended run shows no live steps and waits for nothing', () => {
  const completed = {
    state: 'failed',
    steps: 1,
    startedAt: 0,
    endedAt: 2_500,
    writer: 'c',
    error: { code: 'FLOW_FAILED', name: 'Error', message: 'no' },
  } as const
  const view = mergeViews({
    ...nothing,
    known: { state: 'ended', flow: 'f', requested: undefined, completed },
    live: live([step(1, 'running')]),
  })
  assert.deepEqual(view, {
    run: 'r',
    flow: 'f',
    name: 'f-1',
    state: 'failed',
    error: { code: 'FLOW_FAILED', message: 'no' },
    seconds: 2.5,
    steps: [],
  })
})

test('without result storage the view says what it lacks', () => {
  assert.match(
    mergeViews({ ...nothing, known: running, steps: undefined }).note ?? '',
    /result storage does not answer/,
  )
})
