import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import { ensureConsumer, listConsumers } from '#shared/bus/consumers.ts'
import { CONSUMER, STREAM } from '#shared/contract/streams.ts'
import { filter } from '#shared/contract/subjects.ts'
import { atEndOfFile } from '../support/leaks.ts'
import { tempHome } from '../support/temp-home.ts'
import { until } from '../support/until.ts'
import { actorsForThisFile } from '../support/with-actors.ts'

const PLACES = 2
const N = 40

const actors = await actorsForThisFile({ coordinators: 2, slots: 8 })
const flows = await actors.flows('limited.ts')
const folder = await tempHome()
atEndOfFile(async () => folder[Symbol.asyncDispose]())
await ensureConsumer(
  actors.bus.nc,
  STREAM.permits,
  CONSUMER.limit('licences'),
  filter.limitPermits('licences'),
  PLACES,
)

it('a limit holds over all runs and coordinators, and each place comes back, whoever holds it', async () => {
  const file = join(folder.path, 'notes')
  // Several, so that each coordinator holds some, and is given places for steps of the other's.
  const outcomes = await Promise.all(Array.from({ length: 4 }, () => flows.run('limited', { file, n: N })))
  for (const { result, error } of outcomes) {
    assert.equal(error, undefined)
    assert.deepEqual(
      result,
      Array.from({ length: N }, (_, i) => i),
    )
  }
  let running = 0
  let most = 0
  const lines = readFileSync(file, 'utf8').trim().split('\n')
  assert.equal(lines.length, 4 * N * 2)
  for (const line of lines) {
    running += line.startsWith('begin') ? 1 : -1
    most = Math.max(most, running)
  }
  assert.ok(most <= PLACES, `${most} ran at once`)
  await until('no place to be taken', async () => {
    const limits = await listConsumers(actors.bus.nc, STREAM.permits)
    return limits.every(({ ackPending, pending }) => ackPending + pending === 0)
  })
})
