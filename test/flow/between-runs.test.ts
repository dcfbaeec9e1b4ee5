/** What lies between runs: signals, caches, runs that go on from others, schedules. Two coordinators share them. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { readAll } from '#shared/bus/direct.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { filter, parseRecordSubject, record } from '#shared/contract/subjects.ts'
import { atEndOfFile } from '../support/leaks.ts'
import { tempHome } from '../support/temp-home.ts'
import { until } from '../support/until.ts'
import { actorsForThisFile } from '../support/with-actors.ts'

const actors = await actorsForThisFile({ coordinators: 2, slots: 4 })
const flows = await actors.flows('surface.ts')
const folder = await tempHome()
atEndOfFile(async () => folder[Symbol.asyncDispose]())
const { client } = actors

const linesOf = (file: string): string[] => readFileSync(file, 'utf8').trim().split('\n')
const waiting = (run: string): Promise<unknown> =>
  until(`${run} to wait`, async () => (await actors.history(run)).counts.wait === 1)

describe('a signal', { concurrency: true }, () => {
  it('wakes every run that waits for it, with its metadata as it was given', async () => {
    const runs = await Promise.all([1, 2, 3].map(() => flows.request('waits', { name: 'all' })))
    await Promise.all(runs.map(waiting))
    const value = { when: new Date(0), n: 2n ** 70n, list: [1, undefined] }
    assert.equal((await flows.run('sets', { name: 'all', value })).state, 'completed')
    for (const run of runs) assert.deepEqual((await client.outcome(run)).result, value)
  })

  it('that is set already is not waited for, and after a clear it is', async () => {
    await client.signals.set('before', 'first')
    assert.equal((await flows.run('waits', { name: 'before' })).result, 'first')
    await flows.run('clears', { name: 'before' })
    const run = await flows.request('waits', { name: 'before' })
    await waiting(run)
    await client.signals.set('before', 'second')
    assert.equal((await client.outcome(run)).result, 'second')
  })

  it('that was set and cleared while somebody waited was set for him', async () => {
    const run = await flows.request('waits', { name: 'brief' })
    await waiting(run)
    await client.signals.set('brief', 5)
    await client.signals.clear('brief')
    assert.equal((await client.outcome(run)).result, 5)
  })

  it('that does not come in time fails the wait as TIMEOUT', async () => {
    const { state, error, seconds } = await flows.run('waits', { name: 'never', timeoutSeconds: 0.5 })
    assert.deepEqual([state, error?.code], ['failed', 'TIMEOUT'])
    assert.match(error?.message ?? '', /the signal "never" was not set within 0\.5 s/)
    assert.ok(seconds >= 0.5)
  })

  it('of scope run is seen by the tree of runs alone', async () => {
    const other = await flows.request('waits', { name: 'private', scope: 'run' })
    await waiting(other)
    const run = await flows.request('tells-child', { name: 'private', value: 'for my child' })
    assert.equal((await client.outcome(run)).result, 'for my child')
    assert.equal(await client.signals.get('private'), undefined)
    assert.equal((await client.signals.get('private', { scope: run }))?.value, 'for my child')
    assert.equal((await client.find(other))?.state, 'running')
    await client.signals.set('private', 'from outside', { scope: other })
    assert.equal((await client.outcome(other)).result, 'from outside')
  })

  it('set by many at once counts them all', async () => {
    await Promise.all([
      ...Array.from({ length: 5 }, (_, value) => client.signals.set('crowded', value)),
      ...Array.from({ length: 5 }, (_, value) => flows.run('sets', { name: 'crowded', value })),
    ])
    assert.equal((await client.signals.get('crowded'))?.count, 10)
  })
})

describe('the cache', { concurrency: true }, () => {
  it('has what the same task came to in another run, and the outcome says so', async () => {
    const file = join(folder.path, 'cached')
    const first = await flows.request('caches', { n: 4, file })
    assert.equal((await client.outcome(first)).result, 40)
    await until('it is kept', async () => {
      const run = await flows.request('caches', { n: 4, file })
      assert.equal((await client.outcome(run)).result, 40)
      const [outcome] = (await actors.history(run)).outcomes
      const { how, run: from, step } = outcome?.from ?? {}
      return how === 'cache' && from === first && step === 1
    })
    const done = linesOf(file).length
    assert.equal((await flows.run('caches', { n: 4, file })).result, 40)
    assert.equal((await flows.run('caches', { n: 5, file })).result, 50)
    assert.equal(linesOf(file).length, done + 1)
  })

  it('keeps no failure', async () => {
    const file = join(folder.path, 'failing')
    for (let times = 1; times <= 2; times++) {
      assert.equal((await flows.run('caches', { n: 1, file, fail: true })).state, 'failed')
      assert.equal(linesOf(file).length, times)
    }
  })

  it('goes by the key, where there is one, whatever the other arguments', async () => {
    const file = join(folder.path, 'keyed')
    assert.equal((await flows.run('caches-by-key', { n: 1, file })).result, 1)
    await until('it is kept', async () => (await flows.run('caches-by-key', { n: 3, file })).result === 1)
    assert.equal((await flows.run('caches-by-key', { n: 2, file })).result, 2)
  })

  it('asked by two at once may let both do it, with the same result', async () => {
    const file = join(folder.path, 'both')
    const both = await Promise.all([1, 2].map(() => flows.run('caches', { n: 7, file, ms: 200 })))
    assert.deepEqual(
      both.map(({ result }) => result),
      [70, 70],
    )
    assert.ok(linesOf(file).length <= 2)
  })
})

describe('a run that goes on from another', () => {
  it('does again only what failed, down to sub-flows, with the same chance and arguments', async () => {
    const own = join(folder.path, 'resumed')
    mkdirSync(own)
    const failed = await flows.request('stumbles', { folder: own })
    assert.equal((await client.outcome(failed)).error?.code, 'TASK_FAILED')
    // It fails again, and is gone on from again.
    const second = await client.retry(failed)
    assert.equal((await client.outcome(second.run)).state, 'failed')
    writeFileSync(join(own, 'wanted'), '')
    const third = await client.retry(second.run)
    const { state, result, error } = await client.outcome(third.run)
    assert.equal(state, 'completed', JSON.stringify(error))
    const { chance, ...rest } = result as { chance: number }
    assert.deepEqual(rest, { first: 1, many: [2, 3], found: 'there' })
    assert.deepEqual(
      [linesOf(join(own, 'outer')), linesOf(join(own, 'inner'))],
      [[`outer ${chance}`], ['inner']],
    )
    const { outcomes } = await actors.history(third.run)
    const kinds = outcomes
      .sort((a, b) => a.step - b.step)
      .map(({ kind, from }) => [kind, from?.how, from?.run])
    const before = second.run
    assert.deepEqual(kinds, [
      ['task', 'resumed', before],
      ['task', 'resumed', before],
      ['task', 'resumed', before],
      ['flow', undefined, undefined],
    ])
  })

  it('is refused for one that runs, that completed, or that is a sub-flow', async () => {
    const running = await flows.request('waits', { name: 'holds' })
    await waiting(running)
    await assert.rejects(client.retry(running), { code: 'NOT_RESUMABLE', message: /it is running/ })
    const done = (await flows.run('sets', { name: 'done' })).run
    await assert.rejects(client.retry(done), { code: 'NOT_RESUMABLE', message: /it has completed/ })
    const own = join(folder.path, 'child')
    mkdirSync(own)
    const parent = await flows.request('stumbles', { folder: own })
    await client.outcome(parent)
    await assert.rejects(client.retry(`${parent}-4`), { code: 'NOT_RESUMABLE', message: new RegExp(parent) })
    await assert.rejects(client.retry(parent, { run: parent }), { code: 'NOT_RESUMABLE' })
    await client.cancel(running)
    assert.equal((await client.outcome(running)).state, 'cancelled')
    const again = await client.retry(running)
    await client.signals.set('holds', 'at last')
    assert.equal((await client.outcome(again.run)).result, 'at last')
  })
})

describe('a schedule', () => {
  it('is one run a tick, with two coordinators, also when one of them is killed', async () => {
    const wanted = { flow: 'sets', bundle: flows.bundle, params: { name: 'tick' } }
    await client.schedules.set('ticks', { when: '* * * * * *' }, wanted)
    const ticks = async (): Promise<number> => {
      let count = 0
      for await (const page of readAll(actors.bus.nc, STREAM.schedules, filter.ticks)) count += page.length
      return count
    }
    await until('three ticks', async () => (await ticks()) >= 3, 100)
    const [killed] = actors.coordinators
    assert.ok(killed)
    await actors.kill(killed)
    const before = await ticks()
    await until('more ticks', async () => (await ticks()) >= before + 3, 100)
    assert.equal(await client.schedules.remove('ticks'), true)
    const all = await ticks()
    const runs = (): Promise<string[]> => runsOf('ticks-')
    // What the killed one had in hand comes to the other when its time is over.
    await until('a run a tick', async () => (await runs()).length === all, 200)
    for (const run of await runs()) assert.equal((await client.outcome(run)).state, 'completed')
    assert.equal((await client.signals.get('tick'))?.count, all)
    assert.equal(await ticks(), all, 'it ticks although it was removed')
  })
})

async function runsOf(prefix: string): Promise<string[]> {
  const runs: string[] = []
  const anyRun = record('*').requested.replace(/\.run\.\d+\./, '.run.*.')
  for await (const page of readAll(actors.bus.nc, STREAM.runs, anyRun))
    for (const { subject } of page) {
      const run = parseRecordSubject(subject)?.run
      if (run?.startsWith(prefix)) runs.push(run)
    }
  return runs
}
