import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { atEndOfFile } from '../support/leaks.ts'
import { tempHome } from '../support/temp-home.ts'
import { until } from '../support/until.ts'
import { actorsForThisFile } from '../support/with-actors.ts'

const actors = await actorsForThisFile({ slots: 2 })
const flows = await actors.flows('alike.ts')
const folder = await tempHome()
atEndOfFile(async () => folder[Symbol.asyncDispose]())
const N = 200

describe('many steps that are alike', () => {
  it('end each by itself: those that fail, and those that are cancelled before their turn or under way', async () => {
    const gate = join(folder.path, 'each')
    const cancel = [0, 1, 50, 150, 199]
    const run = await flows.request('alike', { n: N, gate, cancel })
    await until('those that the flow cancelled to be on record', async () => {
      const { outcomes } = await actors.history(run)
      return outcomes.length >= cancel.length
    })
    writeFileSync(gate, '')
    const { state, result, error } = await actors.client.outcome(run)
    assert.equal(state, 'completed', JSON.stringify(error))
    const expected = Array.from({ length: N }, (_, i) => {
      if (cancel.includes(i)) return 'cancelled cancelled by the flow'
      return i % 10 === 3 ? `failed no ${i}` : i
    })
    assert.deepEqual(result, expected)
    const { outcomes } = await actors.history(run)
    assert.deepEqual(
      outcomes.map(({ step }) => step).sort((a, b) => a - b),
      Array.from({ length: N }, (_, i) => i + 1),
    )
  })

  it('end all as cancelled with their run, each with its outcome', async () => {
    const gate = join(folder.path, 'never')
    const run = await flows.request('alike', { n: N, gate })
    await until('them to be asked for', async () => (await actors.client.inspect(run))?.outstanding === N)
    const shown = (await actors.client.inspect(run))?.steps ?? []
    assert.equal(new Set(shown.map(({ step }) => step)).size, N)
    await actors.client.cancel(run, 'enough')
    assert.equal((await actors.client.outcome(run)).state, 'cancelled')
    const { outcomes } = await actors.history(run)
    assert.deepEqual(
      outcomes.map(({ step, state }) => `${step} ${state}`).sort(),
      Array.from({ length: N }, (_, i) => `${i + 1} cancelled`).sort(),
    )
  })

  it('go on after their coordinator was killed, none twice', async () => {
    const gate = join(folder.path, 'killed')
    const run = await flows.request('alike', { n: N, gate, cancel: [199] })
    await until('one to be on record', async () => (await actors.history(run)).outcomes.length === 1)
    const [first] = actors.coordinators
    assert.ok(first)
    await actors.kill(first)
    writeFileSync(gate, '')
    actors.coordinators = [await actors.start('coordinator')]
    const { state, result, error } = await actors.client.outcome(run)
    assert.equal(state, 'completed', JSON.stringify(error))
    assert.equal((result as unknown[]).filter((each) => typeof each === 'number').length, N - N / 10 - 1)
    assert.equal((await actors.history(run)).outcomes.length, N)
  })

  it('are tried again by themselves', async () => {
    const gate = join(folder.path, 'retries')
    writeFileSync(gate, '')
    const run = await flows.request('alike-with-retries', { n: 100, gate })
    assert.equal((await actors.client.outcome(run)).result, 10)
    const { attempts, outcomes } = await actors.history(run)
    assert.deepEqual([attempts.length, outcomes.length], [20, 100])
  })
})
