import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { newRunId } from '#shared/contract/ids.ts'
import { completed, outcome, requested } from './records.ts'
import { openWorld, type World } from './world.ts'

const RUNS = 20
const STEPS = 1000

test('a results process that is killed again and again stores every record exactly once', async (t) => {
  await using world = await openWorld()
  const chance = seeded(t)
  let child = world.spawnResults()
  const publishing = publishRuns(world)
  await world.untilSql('select count(*) > 0 from steps', true)
  for (let kills = 0; kills < 4; kills++) {
    await pause(chance() * 600)
    await child.end('SIGKILL')
    if (kills === 0)
      assert.ok((await storedSteps(world)) < RUNS * STEPS, 'the first kill came after the last record')
    child = world.spawnResults()
  }
  await assertStored(world, await publishing)
  await child.end('SIGTERM')
})

test('when Postgres is killed and comes back, every record is stored exactly once', async (t) => {
  await using world = await openWorld()
  const chance = seeded(t)
  const child = world.spawnResults()
  const publishing = publishRuns(world)
  await world.untilSql('select count(*) > 0 from steps', true)
  for (let kills = 0; kills < 3; kills++) {
    await pause(chance() * 500)
    await world.postgres.kill()
    await pause(chance() * 300)
    await world.postgres.restart()
    if (kills === 0)
      assert.ok((await storedSteps(world)) < RUNS * STEPS, 'the first kill came after the last record')
  }
  await assertStored(world, await publishing)
  assert.equal(child.exitCode, null, 'the process must outlive Postgres')
  await child.end('SIGTERM')
})

test('when the broker is killed and comes back, every record is stored exactly once', async (t) => {
  await using world = await openWorld()
  const chance = seeded(t)
  const results = await world.results()
  const publishing = publishRuns(world)
  for (let kills = 0; kills < 2; kills++) {
    await pause(chance() * 400)
    await world.broker.kill()
    await world.broker.restart()
  }
  await assertStored(world, await publishing)
  await results.stop()
})

test('a results process that starts before Postgres waits for it', async () => {
  await using world = await openWorld()
  await world.postgres.kill()
  const child = world.spawnResults()
  await world.publish(requested('early'), outcome('early', 1))
  await world.postgres.restart()
  await world.untilSql(`select count(*)::int from steps where run = 'early'`, 1)
  await child.end('SIGTERM')
  assert.equal(child.exitCode, 0)
})

async function publishRuns(world: World): Promise<string[]> {
  const runs = Array.from({ length: RUNS }, () => newRunId())
  await world.publish(...runs.map((run) => requested(run)))
  for (let step = 1; step <= STEPS; step += 50) {
    const drafts = runs.flatMap((run) => Array.from({ length: 50 }, (_, i) => outcome(run, step + i)))
    await world.publish(...drafts)
  }
  await world.publish(...runs.map((run) => completed(run, { steps: STEPS })))
  return runs
}

// The counters are moved in the transactions that write: a batch that was written twice would show in them.
async function assertStored(world: World, runs: string[]): Promise<void> {
  await world.untilSql(`select count(*)::int from runs where state = 'completed'`, RUNS)
  const [counted] = await world.sql('select sum(runs)::int as runs, sum(steps)::int as steps from positions')
  assert.deepEqual(counted, { runs: RUNS, steps: RUNS * STEPS })
  const stored = await world.sql(
    'select run, count(*)::int as steps, min(step) as first, max(step) as last from steps group by run order by run',
  )
  assert.deepEqual(
    stored,
    runs.sort().map((run) => ({ run, steps: STEPS, first: 1, last: STEPS })),
  )
}

async function storedSteps(world: World): Promise<number> {
  const [row] = await world.sql('select count(*)::int as steps from steps')
  return Number(row?.steps)
}

function seeded(t: TestContext): () => number {
  let seed = Number(process.env.QUBUS_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31))
  t.diagnostic(`QUBUS_TEST_SEED=${seed}`)
  return () => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff
    return seed / 0x7fffffff
  }
}
