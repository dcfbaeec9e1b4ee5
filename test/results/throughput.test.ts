import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newRunId } from '#shared/contract/ids.ts'
import { completed, outcome, requested } from './records.ts'
import { openWorld } from './world.ts'

// Told, not judged: this machine may have other work.
test('a backlog of steps is stored completely; how fast is told', async (t) => {
  await using world = await openWorld()
  const runs = Array.from({ length: 50 }, () => newRunId())
  const steps = 1000
  await world.publish(...runs.map((run) => requested(run)))
  for (let step = 1; step <= steps; step += 100) {
    await world.publish(
      ...runs.flatMap((run) => Array.from({ length: 100 }, (_, i) => outcome(run, step + i))),
    )
  }
  await world.publish(...runs.map((run) => completed(run)))
  const since = performance.now()
  const results = await world.results()
  await world.untilSql(`select count(*)::int from runs where state = 'completed'`, runs.length)
  const seconds = (performance.now() - since) / 1000
  t.diagnostic(`${Math.round((runs.length * steps) / seconds)} steps a second`)
  const [stored] = await world.sql('select count(*)::int as steps from steps')
  assert.equal(stored?.steps, runs.length * steps)
  await results.stop()
})
