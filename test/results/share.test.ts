import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newRunId } from '#shared/contract/ids.ts'
import { until } from '../support/until.ts'
import { outcome, requested } from './records.ts'
import { openWorld, type World } from './world.ts'

test('two results actors share the shards, and one takes over those of one that is killed', async () => {
  await using world = await openWorld()
  const first = world.spawnResults()
  await until('one actor holds all shards', async () => (await holders(world)).join() === '16')
  const second = world.spawnResults()
  await until('each of two actors holds half of them', async () => (await holders(world)).join() === '8,8')
  const runs = Array.from({ length: 64 }, () => newRunId())
  await world.publish(...runs.flatMap((run) => [requested(run), outcome(run, 1)]))
  await world.untilSql('select count(*)::int from steps', 64)
  await first.end('SIGKILL')
  await world.publish(...runs.map((run) => outcome(run, 2)))
  await world.untilSql('select count(*)::int from steps', 128)
  assert.deepEqual(await holders(world), [16])
  const [counted] = await world.sql('select sum(steps)::int as steps from positions')
  assert.equal(counted?.steps, 128)
  await second.end('SIGTERM')
})

test('an actor that hangs loses its shards, and writes nothing when it wakes', async () => {
  await using world = await openWorld()
  const first = world.spawnResults()
  const run = newRunId()
  await world.publish(requested(run), outcome(run, 1))
  await world.untilSql('select count(*)::int from steps', 1)
  first.kill('SIGSTOP')
  const second = world.spawnResults()
  await world.publish(outcome(run, 2))
  // Postgres ends the silent session after half a minute.
  await world.untilSql('select count(*)::int from steps', 2)
  first.kill('SIGCONT')
  await until('they share again', async () => (await holders(world)).join() === '8,8')
  await world.publish(outcome(run, 3))
  await world.untilSql('select sum(steps)::int from positions', 3)
  await Promise.all([first.end('SIGTERM'), second.end('SIGTERM')])
})

test('several actors that start at once bring the tables up to date once', async () => {
  await using world = await openWorld()
  const actors = await Promise.all(['a', 'b', 'c'].map((id) => world.results(id)))
  assert.deepEqual(await world.sql('select name from migrations'), [
    { name: '0001_tables' },
    { name: '0002_attempts_and_origins' },
    { name: '0003_retention' },
  ])
  await Promise.all(actors.map((actor) => actor.stop()))
})

/** How many shards of RUNS each session holds, smallest number first. */
async function holders(world: World): Promise<number[]> {
  const rows = await world.sql(
    `select count(*)::int as shards from pg_locks where locktype = 'advisory' and objsubid = 2 and objid < 16 and granted group by pid order by 1`,
  )
  return rows.map((row) => Number(row.shards))
}
