/** A global limit over runs and coordinators, and the order of runs by priority. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { atEndOfFile } from '../../support/leaks.ts'
import { tempHome } from '../../support/temp-home.ts'
import { until } from '../../support/until.ts'
import { actorsForThisFile } from '../../support/with-actors.ts'

const actors = await actorsForThisFile({ coordinators: 2, slots: 8 })
const flows = await actors.flows('surface.ts')
const folder = await tempHome()
atEndOfFile(async () => folder[Symbol.asyncDispose]())
const { client } = actors

type Span = { from: number; to: number; key: string }

function spansIn(file: string): Span[] {
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(' '))
    .map(([from, to, key]) => ({ from: Number(from), to: Number(to), key: key ?? '' }))
}

function mostAtOnce(spans: Span[]): number {
  return Math.max(
    ...spans.map((each) => spans.filter(({ from, to }) => from <= each.from && each.from < to).length),
  )
}

const isFree = (): Promise<unknown> =>
  until('every place to be free', async () => {
    const [limit] = await client.limits.list()
    return limit?.taken === 0 && limit.waiting === 0
  })

describe('a limit', () => {
  it('is kept over two runs, and reached', async () => {
    await client.limits.set('licences', 3)
    const file = join(folder.path, 'two')
    const both = await Promise.all([1, 2].map(() => flows.run('limited', { file, n: 12, ms: 120 })))
    assert.deepEqual(
      both.map(({ state }) => state),
      ['completed', 'completed'],
    )
    const spans = spansIn(file)
    assert.equal(spans.length, 24)
    assert.equal(mostAtOnce(spans), 3)
    await isFree()
  })

  it('may be changed while it is in use, and not be taken away', async () => {
    const file = join(folder.path, 'changed')
    const run = await flows.request('limited', { file, n: 16, ms: 200 })
    await until('some to be done', () => spansIn(file).length >= 2)
    await assert.rejects(client.limits.remove('licences'), { code: 'INVALID_OPTION', message: /in use/ })
    assert.deepEqual(await client.limits.set('licences', 6), { limit: 'licences', places: 6, was: 3 })
    assert.equal((await client.outcome(run)).state, 'completed')
    assert.ok(mostAtOnce(spansIn(file)) <= 6)
    await isFree()
  })

  it('is kept when the coordinators are killed one after the other, and no place is lost', async () => {
    await client.limits.set('licences', 2)
    const file = join(folder.path, 'killed')
    const runs = await Promise.all([1, 2, 3].map(() => flows.request('limited', { file, n: 8, ms: 250 })))
    for (const [i, coordinator] of actors.coordinators.entries()) {
      await until('some to be done', () => spansIn(file).length >= 2 + 4 * i)
      await actors.kill(coordinator)
      actors.coordinators[i] = await actors.start('coordinator')
    }
    for (const run of runs) {
      const { state, error } = await client.outcome(run)
      assert.equal(state, 'completed', JSON.stringify(error))
    }
    const spans = spansIn(file)
    assert.equal(new Set(spans.map(({ key }) => key)).size, 24)
    assert.equal(spans.length, 24, 'a task ran twice')
    assert.ok(mostAtOnce(spans) <= 2, `${mostAtOnce(spans)} at once`)
    await isFree()
    // Both places serve again.
    const after = join(folder.path, 'after')
    assert.equal((await flows.run('limited', { file: after, n: 6, ms: 200 })).state, 'completed')
    assert.equal(mostAtOnce(spansIn(after)), 2)
    await client.limits.remove('licences')
  })
})

describe('priority', () => {
  it('gives what waits in one coordinator the next places', async () => {
    const file = join(folder.path, 'order')
    // Both runs in one coordinator: turns are given there.
    const [other] = actors.coordinators.splice(1)
    assert.ok(other)
    await actors.kill(other, 'SIGTERM')
    const low = await flows.request('many', { file, what: 'low', n: 120 }, { priority: -5 })
    await until('it to be under way', () => existsSync(file))
    const high = await flows.request('many', { file, what: 'high', n: 20 }, { priority: 5 })
    await until('it to have asked', async () => (await client.inspect(high))?.outstanding === 20)
    writeFileSync(`${file}.open`, '')
    await Promise.all([client.outcome(low), client.outcome(high)])
    const order = readFileSync(file, 'utf8').trim().split('\n')
    const first = order.indexOf('high')
    const last = order.lastIndexOf('high')
    // Commands that were out before it came, at most a quarter of a second's, come before.
    const between = order.slice(first, last).filter((what) => what === 'low').length
    assert.ok(last < 119, `the last of high came ${last + 1}th of 140`)
    assert.ok(between <= 20, `${between} of low came in between`)
  })
})
