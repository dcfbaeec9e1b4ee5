/** `qubus prune`, as results answers it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readLastOf } from '#shared/bus/direct.ts'
import { newRunId } from '#shared/contract/ids.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { record } from '#shared/contract/subjects.ts'
import { completed, outcome, requested } from './records.ts'
import { openWorld } from './world.ts'

const DAY = 24 * 3600 * 1000

test('pruning removes runs that ended long ago, and their rows; younger and needed ones stay, and ids stay taken', async () => {
  await using world = await openWorld()
  await world.results()
  const { nc } = world.bench.bus
  const run = async (endedDaysAgo?: number): Promise<string> => {
    const id = newRunId()
    await world.publish(
      requested(id),
      outcome(id, 1),
      ...(endedDaysAgo === undefined ? [] : [completed(id, { endedAt: Date.now() - endedDaysAgo * DAY })]),
    )
    await world.untilSql(`select count(*)::int from steps where run = '${id}'`, 1)
    if (endedDaysAgo !== undefined)
      await world.untilSql(`select state from runs where run = '${id}'`, 'completed')
    return id
  }
  const [old, alsoOld, young, origin, active] = [
    await run(40),
    await run(31),
    await run(29),
    await run(50),
    await run(),
  ]
  await world.sql('update runs set resumes = $1 where run = $2', [origin, active])
  const kept = async (): Promise<string[]> =>
    (await world.sql('select run from runs order by run')).map((row) => String(row['run']))

  const would = await world.ask('prune', { olderThanMs: 30 * DAY, dryRun: true })
  assert.deepEqual([would.runs, would.rows, would.more], [2, 4, false])
  assert.equal((await kept()).length, 5)

  const did = await world.ask('prune', { olderThanMs: 30 * DAY })
  assert.deepEqual([did.runs, did.rows, did.more], [2, 4, false])
  assert.ok(did.bytes > 0)
  assert.deepEqual(await kept(), [young, origin, active].sort())
  assert.equal((await world.ask('steps', { run: old })).steps.length, 0)
  for (const id of [old, alsoOld])
    assert.deepEqual(
      (await readLastOf(nc, STREAM.runs, [record(id).all])).map(({ subject }) => subject),
      [record(id).retired],
    )
  const again = await world.ask('prune', { olderThanMs: 30 * DAY })
  assert.deepEqual([again.runs, again.rows, again.more], [0, 0, false])
  await assert.rejects(world.ask('prune', { olderThanMs: DAY - 1 }), { code: 'INVALID_REQUEST' })
})
