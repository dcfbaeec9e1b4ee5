/** Rule 9 of the design: what comes after a run's end, and after its purge, changes nothing. When a run is purged: test/results/purge. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { headers } from '@nats-io/transport-node'
import { openBlobs } from '#shared/bus/blobs.ts'
import { readLast, readLastOf } from '#shared/bus/direct.ts'
import { Publisher } from '#shared/bus/publisher.ts'
import { RequestedRecord, type RetiredRecord } from '#shared/contract/run-record.ts'
import type { StepOutcome } from '#shared/contract/step-record.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { filter, record, subject } from '#shared/contract/subjects.ts'
import { decode, encode } from '#shared/wire/message.ts'
import { atEndOfFile } from '../support/leaks.ts'
import { tempHome } from '../support/temp-home.ts'
import { until } from '../support/until.ts'
import { actorsForThisFile } from '../support/with-actors.ts'

const actors = await actorsForThisFile()
const { nc } = actors.bus
const flows = await actors.flows('rules.ts')
await openBlobs(nc).put(flows.bundle.bytes)
const folder = await tempHome()
atEndOfFile(async () => folder[Symbol.asyncDispose]())
const records = new Publisher(nc, { stream: STREAM.runs })

async function request(run: string, seconds = 0): Promise<void> {
  const header = headers()
  header.set('Content-Type', 'application/json')
  const params = { file: join(folder.path, run), seconds }
  const body = JSON.stringify({ flow: 'lines', bundle: flows.bundle.hash, params })
  await nc.request(subject.request(run), body, { headers: header, timeout: 10_000 })
}

const answered = (run: string) =>
  until(
    'the request to be answered',
    async () => (await readLast(nc, STREAM.flows, subject.flow(run))) === undefined,
  )

const executions = (run: string): number =>
  readFileSync(join(folder.path, run), 'utf8').trim().split('\n').length

async function finished(run: string): Promise<void> {
  await request(run)
  assert.equal((await actors.client.outcome(run)).result, 'done')
  await answered(run)
}

const purge = async (stream: string, of: string): Promise<void> => {
  await nc.request(`$JS.API.STREAM.PURGE.${stream}`, JSON.stringify({ filter: of }))
}

/** As results does it after a day. */
async function purgeRecords(run: string): Promise<void> {
  await purge(STREAM.tasks, filter.runTasks(run))
  await purge(STREAM.runs, record(run).all.replace(/>$/, 'step.>'))
}

const deadOf = (run: string) =>
  readLastOf(nc, STREAM.dead, [`${subject.dead(STREAM.flows, subject.flow(run))}.>`])

describe('rule 9', () => {
  it('an outcome after `completed` is taken by the log, and the run stays what it came to', async () => {
    await finished('late')
    const before = await actors.client.outcome('late')
    const times = { queuedAt: 1, startedAt: 1, endedAt: 1 }
    const outcome: StepOutcome = {
      ...{ kind: 'task', name: 'x', digest: 'd', state: 'failed', attempt: 1, writer: 'late', node: 'n' },
      ...times,
    }
    assert.equal(
      await records.create({ subject: record('late').outcome(99), body: encode(outcome) }),
      'stored',
    )
    assert.equal(
      await records.create({ subject: record('late').outcome(1), body: encode(outcome) }),
      'present',
      'one that is there is never another',
    )
    assert.deepEqual(await actors.client.outcome('late'), before)
    const { counts } = await actors.history('late')
    assert.deepEqual(counts, { requested: 1, outcome: 4, timer: 1, completed: 1 })
  })

  it('a request that is published again, when only the tombstones are left, is answered by them', async () => {
    await finished('tombstones')
    await purgeRecords('tombstones')
    await request('tombstones')
    await answered('tombstones')
    assert.equal((await actors.client.outcome('tombstones')).result, 'done')
    assert.equal(executions('tombstones'), 2, 'nothing was done again')
    assert.deepEqual((await actors.history('tombstones')).counts, { requested: 1, completed: 1 })
    assert.equal((await deadOf('tombstones')).length, 0)
  })

  it('and one with other parameters is a conflict even then', async () => {
    await finished('other')
    await purgeRecords('other')
    await request('other', 7)
    await until('the dead letter', async () => (await deadOf('other')).length === 1)
    await answered('other')
    assert.equal(executions('other'), 2)
  })

  it('a request that is published again when the log is gone finds its id taken for good', async () => {
    await finished('retired')
    const stored = await readLast(nc, STREAM.runs, record('retired').requested)
    const { digest } = decode(RequestedRecord, stored?.data ?? new Uint8Array())
    await purge(STREAM.tasks, filter.runTasks('retired'))
    await purge(STREAM.runs, record('retired').all)
    const retired: RetiredRecord = { digest, at: Date.now() }
    await records.create({ subject: record('retired').retired, body: encode(retired) })
    await request('retired')
    await until('the dead letter', async () => (await deadOf('retired')).length === 1)
    await answered('retired')
    assert.equal(executions('retired'), 2)
    assert.deepEqual((await actors.history('retired')).counts, { retired: 1 })
  })
})
