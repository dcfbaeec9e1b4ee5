import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readLast } from '#shared/bus/direct.ts'
import { CancelRecord } from '#shared/contract/run-record.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { record, subject } from '#shared/contract/subjects.ts'
import { decode } from '#shared/wire/message.ts'
import { until } from '../support/until.ts'
import { withClient } from './with-client.ts'

test('cancelling writes the record once, then says so to whoever works for the run', async () => {
  await using world = await withClient()
  const run = await world.client.request({ flow: 'f' })
  const worker = await world.broker.connect('worker')
  let heard = 0
  worker.nc.subscribe(subject.control(run), { callback: () => void heard++ })
  await worker.nc.flush()
  assert.deepEqual(await world.client.cancel(run, 'wrong input'), { run, cancel: 'asked', state: 'queued' })
  await world.accept(run)
  assert.deepEqual(await world.client.cancel(run, 'again'), { run, cancel: 'asked-before', state: 'running' })
  const stored = await readLast(worker.nc, STREAM.runs, record(run).cancel)
  assert.equal(decode(CancelRecord, stored?.data ?? new Uint8Array()).reason, 'wrong input')
  await until('both words are heard', () => heard === 2)
})

test('an unknown run and one that has ended are said to be so', async () => {
  await using world = await withClient()
  await assert.rejects(world.client.cancel('nobody'), { code: 'UNKNOWN_RUN' })
  const run = await world.client.request({ flow: 'f' })
  await world.accept(run)
  await world.complete(run)
  assert.deepEqual(await world.client.cancel(run), { run, cancel: 'ended', state: 'completed' })
})
