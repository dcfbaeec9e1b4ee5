import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { actorsForThisFile } from '../support/with-actors.ts'

const actors = await actorsForThisFile({ coordinators: 0 })
await actors.start(fileURLToPath(new URL('../fixtures/coordinator/impatient.ts', import.meta.url)))
const flows = await actors.flows('stalls.ts')

/** Runs that are under way while others misbehave; more than there are threads, so that each thread has one. */
async function besides<T>(misbehave: () => Promise<T>): Promise<T> {
  const innocents = await Promise.all(
    Array.from({ length: 6 }, () => flows.request('innocent', { rounds: 20 })),
  )
  const result = await misbehave()
  const late = await flows.request('innocent', { rounds: 2 })
  for (const run of innocents) {
    const { state, result, error } = await actors.client.outcome(run)
    assert.deepEqual([state, result], ['completed', 190], JSON.stringify(error))
    assert.equal((await actors.history(run)).outcomes.length, 40)
  }
  assert.equal((await actors.client.outcome(late)).result, 1)
  return result
}

describe('runs beside one another are not hurt', () => {
  it('by a flow that blocks its thread: it ends as FLOW_STALLED', async () => {
    const { state, error } = await besides(() => flows.run('blocks'))
    assert.deepEqual([state, error?.code], ['failed', 'FLOW_STALLED'])
  })

  it('by a flow that is busy for a while: it goes on, for however long it has work then', async () => {
    const { state, result, error } = await besides(() =>
      flows.run('hesitates', { busyMs: 2_500, rounds: 14 }),
    )
    assert.deepEqual([state, result], ['completed', 14], JSON.stringify(error))
  })

  it('by a flow that ends its thread: it is tried once more, then it ends as FLOW_STALLED', async () => {
    const { state, error } = await besides(() => flows.run('exits'))
    assert.deepEqual([state, error?.code], ['failed', 'FLOW_STALLED'])
  })

  it('by a flow that leaves a rejection or an exception unhandled: its run fails with it', async () => {
    const [rejects, throws] = await besides(() =>
      Promise.all([flows.run('rejects'), flows.run('throws-aside')]),
    )
    assert.deepEqual([rejects.state, rejects.error?.code], ['failed', 'UNHANDLED_REJECTION'])
    assert.match(rejects.error?.message ?? '', /forgotten/)
    assert.deepEqual([throws.state, throws.error?.message], ['failed', 'on the side'])
  })

  it('by a file that never finishes loading: it is refused as BUNDLE_FAILED', async () => {
    const endless = await actors.flows('never-loads.ts')
    const { state, error } = await besides(() => endless.run('never-loads'))
    assert.deepEqual([state, error?.code], ['failed', 'BUNDLE_FAILED'])
  })
})
