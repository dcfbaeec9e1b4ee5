/** The whole system, as `qubus up` starts it, while its parts are killed. Seeded: QUBUS_TEST_SEED repeats a run. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Bundle, bundleFlowFile } from '#shared/bundle/index.ts'
import { readAll } from '#shared/bus/direct.ts'
import { openSession } from '#shared/client/session.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { parseRecordSubject, record } from '#shared/contract/subjects.ts'
import { until } from '../support/until.ts'
import { type TestSystem, withSystem } from '../support/with-system.ts'

const TASKS = 500
const CIRCUITS = 50
const SUM = TASKS * (TASKS - 1)
const COUNTS = { '001': 170, '010': 170, '100': 160 }

const seed = Number(process.env['QUBUS_TEST_SEED'] ?? Math.floor(Math.random() * 1e6))
const chance = seeded(seed)

describe(`a run of ${TASKS} tasks and ${CIRCUITS} circuits (seed ${seed})`, () => {
  let system: TestSystem
  let bundle: Bundle

  before(async () => {
    console.log(`# survival seed ${seed}`)
    system = await withSystem()
    bundle = await bundleFlowFile(fileURLToPath(new URL('../fixtures/flows/survival.ts', import.meta.url)))
  })
  after(() => system[Symbol.asyncDispose]())

  for (const victim of [
    'worker',
    'coordinator',
    'vqpu',
    'submitter',
    'allocator',
    'results',
    'broker',
    'postgres',
  ] as const) {
    test(`completes with the exact result, each outcome recorded once, when the ${victim} is killed in its midst`, async () => {
      const { client } = system
      const run = await client.request({
        flow: 'survival',
        bundle,
        params: { tasks: TASKS, circuits: CIRCUITS },
      })
      // Both vQPUs are ready, and the work has begun.
      await until(
        'the run is in its midst',
        async () => ((await client.inspect(run).catch(() => undefined))?.completed ?? 0) > 5,
      )
      await pause(chance() * 600)
      const before = await client.find(run)
      assert.notEqual(before?.state, 'ended', 'the kill must come before the end')
      await system.kill(victim)

      const outcome = await client.outcome(run)
      assert.deepEqual(outcome.error, undefined)
      assert.deepEqual(outcome.result, { sum: SUM, counts: COUNTS })
      assert.equal(outcome.steps, 2 + TASKS + CIRCUITS)
      const recorded = await outcomesOf(system.home, run)
      assert.deepEqual(
        recorded,
        Array.from({ length: outcome.steps }, (_, i) => i + 1),
      )
      await until(
        'all of it is in Postgres',
        async () => (await client.query('run', { run }).catch(() => undefined))?.run?.state === 'completed',
      )
      const stored = await client.query('steps', { run, limit: 1000 })
      assert.deepEqual(
        stored.steps.map(({ step }) => step),
        recorded,
      )
      assert.ok(stored.steps.every(({ state }) => state === 'completed'))
      const circuits = await client.query('circuits', { run, limit: 1000 })
      assert.equal(circuits.circuits.length, CIRCUITS)
    })
  }
})

/** Numbers of the steps that have an outcome, one entry an outcome. */
async function outcomesOf(home: string, run: string): Promise<number[]> {
  await using session = await openSession({ home })
  const steps: number[] = []
  for await (const page of readAll(session.bus.nc, STREAM.runs, record(run).all)) {
    for (const { subject } of page) {
      const parsed = parseRecordSubject(subject)
      if (parsed?.record.kind === 'outcome') steps.push(parsed.record.step)
    }
  }
  return steps.sort((a, b) => a - b)
}

// mulberry32 (Tommy Ettinger): enough to repeat a run.
function seeded(start: number): () => number {
  let state = start
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}
