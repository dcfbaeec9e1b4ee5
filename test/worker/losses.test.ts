import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { jetstreamManager } from '@nats-io/jetstream'
import { nanos } from '@nats-io/transport-node'
import { backlogOf } from '#shared/bus/consumers.ts'
import { readLast, readLastOf } from '#shared/bus/direct.ts'
import type { RunRequest } from '#shared/client/request.ts'
import type { TaskCommand } from '#shared/contract/command.ts'
import { DeadLetter } from '#shared/contract/dead-letter.ts'
import { CONSUMER, STREAM } from '#shared/contract/streams.ts'
import { filter, record, subject } from '#shared/contract/subjects.ts'
import { decode, encode } from '#shared/wire/message.ts'
import { encodeValue } from '#shared/wire/value.ts'
import { until } from '../support/until.ts'
import { type ActorProcess, actorsForThisFile } from '../support/with-actors.ts'

const pools = ['generic', 'single', 'deadly', 'drained', 'killed', 'shared']
const actors = await actorsForThisFile({ pools, workers: 0 })
const flows = await actors.flows('crashes.ts')
const worker = (pool: string, slots: number): Promise<ActorProcess> =>
  actors.start('worker', '--pools', pool, '--slots', String(slots))

type Told = { pid: number; attempt: number }

async function resultOf<T>(flow: string, params: unknown, more: Partial<RunRequest>): Promise<T> {
  const { result, error } = await flows.run(flow, params, more)
  assert.equal(error, undefined)
  return result as T
}

/** Waits until that many commands of the pool are in somebody's hands. */
function inHand(pool: string, count: number): Promise<unknown> {
  return until(
    `${count} commands of ${pool} in hand`,
    async () => (await backlogOf(actors.bus.nc, STREAM.tasks, CONSUMER.tasks(pool)))?.running === count,
  )
}

describe('a worker', { concurrency: true }, () => {
  it('loses no more than the task that ends or crashes its thread', async () => {
    await worker('generic', 3)
    const { beside, after, ends } = await resultOf<{ beside: number; after: number[]; ends: string[] }>(
      'crashing',
      {},
      { pool: 'generic' },
    )
    assert.equal(beside, 3)
    assert.deepEqual(after, [1, 2, 3])
    assert.match(ends[0] ?? '', /ended its thread \(exit code 3\)/)
    assert.match(ends[1] ?? '', /crashed its thread: from a timer/)
    assert.match(ends[2] ?? '', /crashed its thread: nobody awaits this/)
  })

  it('does not blame a task for what an earlier one left behind', async () => {
    await worker('single', 1)
    assert.deepEqual(await resultOf('trouble', {}, { pool: 'single' }), ['fine', 'innocent'])
  })

  it('that a task kills again and again loses it five times, and then it fails as LOST', async () => {
    // The real 10 s six times over would say no more.
    const manager = await jetstreamManager(actors.bus.nc, { checkAPI: false })
    await manager.consumers.update(STREAM.tasks, CONSUMER.tasks('deadly'), { ack_wait: nanos(2_000) })
    const run = await flows.request('kills', {}, { pool: 'deadly' })
    const outcome = actors.client.outcome(run)
    let ended = false
    void outcome.finally(() => {
      ended = true
    })
    let deaths = 0
    while (!ended) {
      const victim = await worker('deadly', 1)
      await until('the worker to die, or the run to end', () => victim.signalCode !== null || ended)
      if (victim.signalCode !== null) deaths++
      else await actors.kill(victim)
    }
    const { state, error } = await outcome
    assert.deepEqual([state, error?.code, deaths], ['failed', 'LOST', 6])
    assert.match(error?.message ?? '', /lost with its worker 5 times/)
    const { counts } = await actors.history(run)
    assert.deepEqual([counts.lost, counts.attempt, counts.outcome], [5, 1, 1])
  })

  it('that is told to stop finishes what runs and hands back the rest, which runs elsewhere', async () => {
    const first = await worker('drained', 1)
    // Of tasks that are short so far it takes some ahead.
    const warm = () => flows.run('shares', { n: 30, ms: 1 }, { pool: 'drained' })
    await warm()
    const again = flows.run('shares', { n: 2, ms: 1500 }, { pool: 'drained' })
    await inHand('drained', 2)
    const once = await flows.request('once', { n: 2, ms: 10 }, { pool: 'drained' })
    await inHand('drained', 4)
    await actors.kill(first, 'SIGTERM')
    assert.equal(first.exitCode, 0, first.log())
    const second = await worker('drained', 1)
    const { result, run } = await again
    assert.deepEqual(result, [
      { pid: first.pid, attempt: 1 },
      { pid: second.pid, attempt: 1 },
    ])
    assert.equal((await actors.history(run)).outcomes.length, 2)
    assert.deepEqual(
      ((await actors.client.outcome(once)).result as Told[]).map(({ pid }) => pid),
      [second.pid, second.pid],
    )
    // What is handed back before it began was not lost, whatever its delivery count says.
    await warm()
    const [third, last] = [second, flows.request('once', { n: 2, ms: 1500 }, { pool: 'drained' })]
    await inHand('drained', 2)
    await actors.kill(third, 'SIGTERM')
    const fourth = await worker('drained', 1)
    const told = (await actors.client.outcome(await last)).result
    assert.deepEqual(told, [
      { pid: third.pid, attempt: 1 },
      { pid: fourth.pid, attempt: 2 },
    ])
  })

  it('that is killed loses its tasks to another, and each is recorded once; what must not run twice fails as LOST', async () => {
    const first = await worker('killed', 4)
    const again = await flows.request('shares', { n: 2, ms: 3_000 }, { pool: 'killed' })
    const once = await flows.request('once', { n: 2, ms: 60_000 }, { pool: 'killed' })
    await inHand('killed', 4)
    await actors.kill(first)
    const second = await worker('killed', 4)
    assert.deepEqual(
      (await actors.client.outcome(again)).result,
      Array(2).fill({ pid: second.pid, attempt: 1 }),
    )
    assert.deepEqual((await actors.client.outcome(once)).result, ['LOST', 'LOST'])
    const { counts } = await actors.history(again)
    assert.deepEqual([counts.outcome, counts.lost, counts.attempt], [2, 2, undefined])
  })

  it('shares a pool with others', async () => {
    const both = await Promise.all([worker('shared', 1), worker('shared', 1)])
    const told = await resultOf<Told[]>('shares', { n: 24, ms: 60 }, { pool: 'shared' })
    for (const { pid } of both) {
      const share = told.filter((each) => each.pid === pid).length
      assert.ok(share >= 6, `one of two workers ran ${share} of 24`)
    }
  })
})

describe('a command', { concurrency: true }, () => {
  it('that can not be read is given up with its bytes and the reason, and the worker goes on', async () => {
    const poison = subject.task('generic', { run: 'poisoned', step: 1, attempt: 1 })
    const bodies = [new Uint8Array([0xc1, 0xff]), encode({ kind: 'task', name: 7 })]
    const nameless = poison.replace(/\.1$/, '.x')
    await actors.bus.nc.request(poison, bodies[0])
    await actors.bus.nc.request(nameless, bodies[1])
    const dead = await until('two dead letters', async () => {
      const found = await readLastOf(actors.bus.nc, STREAM.dead, [filter.dead])
      return found.length === 2 && found
    })
    const letters = dead.map(({ data }) => decode(DeadLetter, data))
    assert.deepEqual(
      letters.map((each) => [each.stream, each.subject, each.error.code]),
      [
        [STREAM.tasks, poison, 'POISON'],
        [STREAM.tasks, nameless, 'POISON'],
      ],
    )
    assert.deepEqual(
      letters.map((each) => Buffer.from(each.body)),
      bodies.map((each) => Buffer.from(each)),
    )
    assert.equal((await resultOf<Told[]>('shares', { n: 1, ms: 1 }, { pool: 'generic' })).length, 1)
  })

  it('of a run that nobody asked for is dropped without a record', async () => {
    const command: TaskCommand = {
      kind: 'task',
      name: 'tells',
      digest: 'd',
      bundle: flows.bundle.hash,
      payload: { inline: encodeValue([1], 'arguments') },
      queuedAt: Date.now(),
    }
    await actors.bus.nc.request(
      subject.task('generic', { run: 'nobodys', step: 1, attempt: 1 }),
      encode(command),
    )
    await until('it to be acked', async () => {
      const backlog = await backlogOf(actors.bus.nc, STREAM.tasks, CONSUMER.tasks('generic'))
      return backlog?.waiting === 0 && backlog.running === 0
    })
    assert.equal(await readLast(actors.bus.nc, STREAM.runs, record('nobodys').all), undefined)
  })

  it('with arguments that can not travel, or for a task that is not at the top level, says so', async () => {
    const [bad, inside] = await Promise.all([flows.run('bad'), flows.run('inside')])
    assert.equal(bad.error?.code, 'UNENCODABLE')
    assert.match(bad.error?.message ?? '', /argument of task "slow".*\[1\]/)
    assert.equal(inside.error?.code, 'INVALID_OPTION')
    assert.match(inside.error?.message ?? '', /task\("defined inside"\).*inside a flow.*top level/)
  })
})
