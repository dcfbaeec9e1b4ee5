import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  coolDownMs,
  type FailedStarts,
  type PoolJob,
  type PoolLoad,
  type PoolPolicy,
  scalePool,
} from '../../services/allocator/scale-pool.ts'

const NOW = 1_000_000
const POLICY: PoolPolicy = { minimumJobs: 0, maximumJobs: 4, loadPerJob: 10, idleHoldSeconds: 60 }
const WELL: FailedStarts = { count: 0, lastAt: 0, reason: '' }
const load = (waiting: number, running = 0, helpers = 0): PoolLoad => ({ waiting, running, helpers })
const job = (id: string, more: Partial<PoolJob> = {}): PoolJob => ({
  id,
  state: 'running',
  submittedAt: 0,
  ending: false,
  ...more,
})
const decide = (of: PoolLoad, jobs: PoolJob[], policy = POLICY, failed = WELL) =>
  scalePool(of, jobs, policy, failed, NOW)

test('an empty pool without load stays empty, and one with a minimum gets it', () => {
  assert.ok('wait' in decide(load(0), []))
  assert.equal((decide(load(0), [], { ...POLICY, minimumJobs: 2 }) as { start: number }).start, 2)
})

test('load is met with as many jobs as it needs, counting what runs and who helps', () => {
  assert.equal((decide(load(1), []) as { start: number }).start, 1)
  assert.equal((decide(load(11, 10), [job('a')]) as { start: number }).start, 2)
  assert.equal((decide(load(1000), [job('a')]) as { start: number }).start, 3)
  assert.ok('wait' in decide(load(9, 0, 1), []))
})

test('a job that ends holds its place until it is gone', () => {
  assert.ok('wait' in decide(load(1000), [job('a', { ending: true }), job('b'), job('c'), job('d')]))
})

test('what has been idle for long enough is stopped, the longest idle first, what is pending before that', () => {
  const jobs = [
    job('a', { idleSince: NOW - 61_000 }),
    job('b', { idleSince: NOW - 90_000 }),
    job('c', { idleSince: NOW - 1_000 }),
    job('d', { state: 'pending' }),
  ]
  assert.deepEqual((decide(load(0), jobs) as { stop: string[] }).stop, ['d', 'b', 'a'])
  assert.deepEqual((decide(load(5), jobs) as { stop: string[] }).stop, ['d', 'b', 'a'])
  assert.deepEqual((decide(load(25), jobs) as { stop: string[] }).stop, ['d'])
})

test('a job that may be busy is not stopped, unless there are more than the pool may have', () => {
  assert.ok('wait' in decide(load(0), [job('a'), job('b')]))
  assert.equal(
    (decide(load(0), [job('a'), job('b')], { ...POLICY, maximumJobs: 1 }) as { stop: string[] }).stop.length,
    1,
  )
})

test('after failed starts the next one waits, longer each time, and says why', () => {
  const failed = { count: 3, lastAt: NOW - 1_000, reason: 'no licence' }
  const waiting = decide(load(1), [], POLICY, failed)
  assert.ok('wait' in waiting && /3 starts failed.*no licence.*1 s/.test(waiting.why))
  assert.ok('start' in decide(load(1), [], POLICY, { ...failed, lastAt: NOW - 2_000 }))
  const delays = [1, 2, 3, 8, 50].map((count) => coolDownMs({ ...failed, count }))
  assert.deepEqual(delays, [500, 1000, 2000, 60_000, 60_000])
})

const anyJob = fc.record({
  id: fc.uuid(),
  state: fc.constantFrom('pending' as const, 'running' as const),
  submittedAt: fc.integer({ min: 0, max: NOW }),
  idleSince: fc.option(fc.integer({ min: 0, max: NOW }), { nil: undefined }),
  ending: fc.boolean(),
})
const anyPolicy = fc
  .record({
    minimumJobs: fc.nat(5),
    more: fc.nat(5),
    loadPerJob: fc.integer({ min: 1, max: 50 }),
    idleHoldSeconds: fc.nat(100),
  })
  .map(({ more, ...policy }) => ({ ...policy, maximumJobs: policy.minimumJobs + more }))

test('whatever the facts: never above the maximum, never below the minimum, never a job twice', () => {
  fc.assert(
    fc.property(
      fc.array(anyJob, { maxLength: 12 }),
      anyPolicy,
      fc.nat(500),
      fc.nat(500),
      fc.nat(3),
      (jobs, policy, waiting, running, helpers) => {
        const live = jobs.filter(({ ending }) => !ending).length
        const decision = scalePool({ waiting, running, helpers }, jobs, policy, WELL, NOW)
        if ('start' in decision)
          assert.ok(decision.start > 0 && jobs.length + decision.start <= policy.maximumJobs)
        if ('stop' in decision) {
          assert.ok(decision.stop.length > 0 && live - decision.stop.length >= policy.minimumJobs)
          assert.equal(new Set(decision.stop).size, decision.stop.length)
          assert.ok(decision.stop.every((id) => jobs.some((each) => each.id === id && !each.ending)))
        }
      },
    ),
  )
})

test('a load that stays the same comes to rest: after a start nothing more is started or stopped', () => {
  fc.assert(
    fc.property(anyPolicy, fc.nat(500), (policy, waiting) => {
      const first = scalePool(load(waiting), [], policy, WELL, NOW)
      const jobs = 'start' in first ? Array.from({ length: first.start }, (_, i) => job(`j${i}`)) : []
      assert.ok('wait' in scalePool(load(waiting), jobs, policy, WELL, NOW))
    }),
  )
})

test('times that a clock which jumped put into the future hold nothing up', () => {
  const failed = { count: 3, lastAt: NOW + 7_000_000, reason: 'no' }
  assert.equal((decide(load(1), [], POLICY, failed) as { start: number }).start, 1)
  const jobs = [job('a', { idleSince: NOW + 7_000_000 })]
  assert.deepEqual((decide(load(0), jobs) as { stop: string[] }).stop, ['a'])
})
