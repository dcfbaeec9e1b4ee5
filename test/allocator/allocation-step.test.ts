import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  type AllocationFacts,
  type AllocationStep,
  nextStep,
  RELAUNCHES,
  type RunLog,
} from '../../services/allocator/allocation-step.ts'
import type { Job } from '../../services/allocator/scheduler.ts'

const NOW = 10_000_000
const LOG: RunLog = {
  requested: true,
  cancelled: false,
  completed: false,
  outcome: undefined,
  attemptFailed: false,
}
const job = (generation: number, more: Partial<Job> = {}) => ({
  generation,
  job: {
    id: `j${generation}`,
    name: `j${generation}`,
    pool: 'vqpu',
    state: 'running',
    submittedAt: NOW - 5_000,
    startedAt: NOW - 5_000,
    ...more,
  } as Job,
})
const dead = (generation: number, how: Job['how'] = 'signalled', endedAt = NOW) =>
  job(generation, { state: 'ended', how, endedAt, reason: `ended: ${how}` })
const facts = (more: Partial<AllocationFacts>): AllocationFacts => ({
  now: NOW,
  shared: false,
  walltimeSeconds: 600,
  log: LOG,
  jobs: [],
  deviceElsewhere: false,
  readyJobs: new Set(),
  drainedJobs: new Set(),
  failedSubmits: { count: 0, lastAt: 0, reason: '', final: false },
  ...more,
})
const launched = { ...LOG, outcome: 'completed' as const }
const five = Array.from({ length: RELAUNCHES + 1 }, (_, i) => dead(i + 1, 'failed', NOW - 60_000))

const TABLE: [string, Partial<AllocationFacts>, Partial<AllocationStep> & { untilMs?: number }][] = [
  ['nothing is done before the log was read', { log: undefined }, { do: 'wait' }],
  [
    'an unknown run is dropped',
    { log: { ...LOG, requested: false } },
    { do: 'finish', why: 'its run is not known' },
  ],
  ['a first job is submitted', {}, { do: 'submit', generation: 1 }],
  [
    'an end that a clock which jumped put into the future is not waited for',
    { jobs: [dead(1, 'cancelled', NOW + 7_000_000)] },
    { do: 'submit', generation: 2 },
  ],
  [
    'nor is a submit that failed then',
    { failedSubmits: { count: 2, lastAt: NOW + 7_000_000, reason: 'refused', final: false } },
    { do: 'submit', generation: 1 },
  ],
  [
    'a pending job is waited for',
    { jobs: [job(1, { state: 'pending', startedAt: undefined })] },
    { do: 'wait' },
  ],
  ['a starting host is waited for', { jobs: [job(1)] }, { do: 'wait' }],
  ['a ready host is announced', { jobs: [job(1)], readyJobs: new Set(['j1']) }, { do: 'record-ready' }],
  [
    'an announced host is held',
    { jobs: [job(1)], readyJobs: new Set(['j1']), log: launched },
    { do: 'wait', why: 'ready' },
  ],
  [
    'another one that is ready is not announced again',
    { jobs: [dead(1), job(2)], readyJobs: new Set(['j1', 'j2']), log: launched },
    { do: 'wait' },
  ],
  [
    'a host that takes for ever is given up',
    { jobs: [job(1, { startedAt: NOW - 601_000 })], walltimeSeconds: 9_999 },
    { do: 'give-up-job' },
  ],
  [
    'a lost host is replaced at once',
    { jobs: [dead(1)], readyJobs: new Set(['j1']), log: launched },
    { do: 'submit', generation: 2 },
  ],
  [
    'a crashed one too, even if it said goodbye',
    { jobs: [dead(1, 'failed')], readyJobs: new Set(['j1']), drainedJobs: new Set(['j1']), log: launched },
    { do: 'submit' },
  ],
  [
    'a failed launch waits for its delay',
    { jobs: [dead(1, 'failed')] },
    { do: 'wait', untilMs: NOW + 1_000 },
  ],
  [
    'the second failed launch waits longer',
    { jobs: [dead(1, 'failed'), dead(2, 'failed')] },
    { do: 'wait', untilMs: NOW + 2_000 },
  ],
  [
    'after it, the launch is tried again',
    { jobs: [dead(1, 'failed', NOW - 1_000)] },
    { do: 'submit', generation: 2 },
  ],
  [
    'too many failed launches fail the attempt',
    { jobs: five },
    { do: 'finish', failure: { code: 'ALLOCATION_FAILED', job: five.at(-1)?.job } },
  ],
  [
    'too many after it was announced end it without failure',
    { jobs: five, log: launched },
    { do: 'finish', failure: undefined },
  ],
  [
    'a drained host ends it',
    { jobs: [dead(1, 'orderly')], readyJobs: new Set(['j1']), log: launched },
    { do: 'finish', failure: undefined },
  ],
  [
    'a vanished one that had said goodbye ends it',
    { jobs: [dead(1, 'vanished')], drainedJobs: new Set(['j1']), log: launched },
    { do: 'finish' },
  ],
  [
    'an orderly end before it was ready is a failed launch',
    { jobs: [dead(1, 'orderly')] },
    { do: 'wait', untilMs: NOW + 1_000 },
  ],
  [
    'the end of its run ends it',
    { jobs: [job(1)], log: { ...launched, completed: true } },
    { do: 'finish', why: 'its run is over' },
  ],
  [
    'a cancelled run ends it',
    { jobs: [job(1)], log: { ...LOG, cancelled: true } },
    { do: 'finish', why: 'its run is cancelled' },
  ],
  ['a cancelled step ends it', { jobs: [job(1)], log: { ...LOG, outcome: 'cancelled' } }, { do: 'finish' }],
  [
    'a recorded failure is only cleaned up',
    { log: { ...LOG, attemptFailed: true } },
    { do: 'finish', failure: undefined },
  ],
  [
    'a shared one outlives its run',
    { shared: true, jobs: [job(1)], readyJobs: new Set(['j1']), log: { ...launched, completed: true } },
    { do: 'wait' },
  ],
  [
    'a shared one that is not ready does not',
    { shared: true, jobs: [job(1)], log: { ...LOG, completed: true } },
    { do: 'finish' },
  ],
  [
    'a shared one that lives elsewhere is announced',
    { shared: true, deviceElsewhere: true },
    { do: 'record-ready', job: undefined },
  ],
  [
    'and then left to the other',
    { shared: true, deviceElsewhere: true, log: launched },
    { do: 'finish', failure: undefined },
  ],
  [
    'its walltime ends it',
    { jobs: [job(1, { startedAt: NOW - 600_000 })], log: launched },
    { do: 'finish', failure: undefined },
  ],
  [
    'a walltime over before it was ready is a failure',
    { jobs: [job(1, { startedAt: NOW - 600_000 })] },
    { do: 'finish', failure: { code: 'ALLOCATION_FAILED', job: job(1, { startedAt: NOW - 600_000 }).job } },
  ],
  [
    'a replacement gets the time that is left',
    { jobs: [dead(1)], readyJobs: new Set(['j1']), log: launched },
    { do: 'submit', walltimeSeconds: 595 },
  ],
  [
    'a failed submission waits',
    { failedSubmits: { count: 2, lastAt: NOW, reason: 'no room', final: false } },
    { do: 'wait', why: 'no room', untilMs: NOW + 2_000 },
  ],
  [
    'an open breaker is asked again later, without end',
    { failedSubmits: { count: 0, lastAt: NOW, reason: 'paused', final: false } },
    { do: 'wait', untilMs: NOW + 1_000 },
  ],
  [
    'too many failed submissions fail the attempt',
    { failedSubmits: { count: 6, lastAt: NOW, reason: 'no room', final: false } },
    { do: 'finish', failure: { code: 'ALLOCATION_FAILED' } },
  ],
  [
    'a refusal fails it at once',
    { failedSubmits: { count: 1, lastAt: NOW, reason: 'no account', final: true } },
    { do: 'finish', failure: { code: 'ALLOCATION_REFUSED' } },
  ],
]

for (const [title, given, wanted] of TABLE) {
  test(title, () => {
    const step = nextStep(facts(given)) as Record<string, unknown>
    for (const [key, value] of Object.entries(wanted))
      assert.deepEqual(step[key], value, `${key} of ${JSON.stringify(step)}`)
  })
}

const HOWS = ['orderly', 'failed', 'signalled', 'vanished', 'walltime', 'cancelled'] as const
const anyFacts: fc.Arbitrary<AllocationFacts> = fc
  .record({
    shared: fc.boolean(),
    walltimeSeconds: fc.integer({ min: 1, max: 10_000 }),
    log: fc.record({
      requested: fc.constant(true),
      cancelled: fc.boolean(),
      completed: fc.boolean(),
      outcome: fc.constantFrom(undefined, 'completed' as const, 'failed' as const, 'cancelled' as const),
      attemptFailed: fc.boolean(),
    }),
    ended: fc.array(fc.constantFrom(...HOWS), { maxLength: 9 }),
    newest: fc.constantFrom('none', 'pending', 'running'),
    ready: fc.array(fc.nat(9)),
    drained: fc.array(fc.nat(9)),
    elsewhere: fc.boolean(),
    submits: fc.nat(8),
    age: fc.nat(2_000_000),
  })
  .map(({ ended, newest, ready, drained, elsewhere, submits, age, ...rest }) => {
    const jobs = ended.map((how, i) => dead(i + 1, how, NOW - age))
    if (newest !== 'none')
      jobs.push(
        job(jobs.length + 1, {
          state: newest as 'pending' | 'running',
          startedAt: newest === 'running' ? NOW - age : undefined,
        }),
      )
    const names = (of: number[]) => new Set(of.map((i) => `j${i}`))
    return facts({
      ...rest,
      jobs,
      readyJobs: names(ready),
      drainedJobs: names(drained),
      deviceElsewhere: elsewhere && rest.shared,
      failedSubmits: { count: submits, lastAt: submits === 0 ? 0 : NOW - age, reason: 'no', final: false },
    })
  })

test('whatever the facts: never two jobs at once, a job is never used again, an announced launch never fails', () => {
  fc.assert(
    fc.property(anyFacts, (given) => {
      const step = nextStep(given)
      const live = given.jobs.filter(({ job: { state } }) => state !== 'ended')
      if (step.do === 'submit') {
        assert.equal(live.length, 0)
        assert.equal(step.generation, given.jobs.length + 1)
        assert.ok(step.walltimeSeconds >= 1 && step.walltimeSeconds <= given.walltimeSeconds)
      }
      if (step.do === 'record-ready') assert.equal(given.log?.outcome, undefined)
      if (step.do === 'finish' && step.failure)
        assert.ok(given.log?.outcome === undefined && !given.log?.attemptFailed)
      assert.deepEqual(nextStep(given), step, 'the same facts give the same step')
    }),
    { numRuns: 2_000 },
  )
})

test('whatever the facts: when the run is over or cancelled, so is what belongs to it', () => {
  fc.assert(
    fc.property(anyFacts, fc.constantFrom('cancelled', 'completed'), (given, how) => {
      const over = {
        ...given,
        shared: false,
        deviceElsewhere: false,
        log: { ...(given.log as RunLog), [how]: true },
      }
      const step = nextStep(over)
      assert.ok(step.do === 'finish' && step.failure === undefined)
    }),
  )
})

test('a launch that only ever crashes comes to its end', () => {
  const jobs: ReturnType<typeof dead>[] = []
  let now = NOW
  for (let rounds = 0; rounds < 100; rounds++) {
    const step = nextStep(facts({ jobs, now }))
    if (step.do === 'finish') {
      assert.equal(jobs.length, RELAUNCHES + 1)
      assert.equal(step.failure?.code, 'ALLOCATION_FAILED')
      return
    }
    if (step.do === 'wait') now = step.untilMs as number
    if (step.do === 'submit') jobs.push(dead(step.generation, 'failed', now))
  }
  assert.fail('it went on for ever')
})
