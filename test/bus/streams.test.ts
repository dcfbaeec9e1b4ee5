import assert from 'node:assert/strict'
import { test } from 'node:test'
import { jetstreamManager, type StreamConfig } from '@nats-io/jetstream'
import { Publisher } from '#shared/bus/publisher.ts'
import { provisionStreams } from '#shared/bus/streams.ts'
import { BLOB_BUCKET, REGISTRY_BUCKET, STREAM } from '#shared/contract/streams.ts'
import { record } from '#shared/contract/subjects.ts'
import { withBroker } from '../support/with-broker.ts'
import { drafts, stored } from './records.ts'

test('making the streams again changes nothing and loses nothing', async () => {
  await using broker = await withBroker()
  const { nc } = await broker.connect('admin')
  const manager = await jetstreamManager(nc)
  const configs = async (): Promise<StreamConfig[]> => {
    const found: StreamConfig[] = []
    for await (const { config } of manager.streams.list()) found.push(config)
    return found.sort((a, b) => a.name.localeCompare(b.name))
  }
  const publisher = new Publisher(nc, { stream: STREAM.runs })
  await Promise.all(drafts('kept', 100).map((each) => publisher.create(each)))
  const before = await configs()
  const names = [...Object.values(STREAM), `KV_${REGISTRY_BUCKET}`, `OBJ_${BLOB_BUCKET}`].sort()
  assert.deepEqual(before.map((each) => each.name).sort(), names)
  for (const { name, storage } of before) assert.equal(storage, 'file', name)
  await provisionStreams(nc, 4 * 1024 ** 3)
  assert.deepEqual(await configs(), before)
  assert.equal((await stored(nc, STREAM.runs, record('kept').all)).length, 100)
})

test('what holds commands and records refuses new messages when full, and takes batches', async () => {
  await using broker = await withBroker()
  const manager = await jetstreamManager((await broker.connect('admin')).nc)
  for (const name of [STREAM.tasks, STREAM.submissions, STREAM.permits]) {
    const { config } = await manager.streams.info(name)
    assert.equal(config.discard, 'new', name)
    assert.equal(config.discard_new_per_subject, true, name)
    assert.equal(config.max_msgs_per_subject, 1, name)
    assert.equal((config as { persist_mode?: string }).persist_mode, 'async', name)
  }
  for (const name of [STREAM.runs, STREAM.circuits, STREAM.allocations]) {
    const { config } = await manager.streams.info(name)
    assert.equal(config.discard, 'new', name)
    assert.equal(config.retention, 'limits', name)
    assert.equal(config.allow_atomic, true, name)
    assert.ok(config.max_bytes > 0, name)
  }
  const { config } = await manager.streams.info(STREAM.flows)
  assert.equal(config.retention, 'workqueue')
  assert.equal(config.discard, 'new')
})

test('two of us who make the streams at the same time both succeed', async () => {
  await using broker = await withBroker({ provision: false })
  const [a, b] = [await broker.connect('admin'), await broker.connect('admin')]
  await Promise.all([provisionStreams(a.nc), provisionStreams(b.nc)])
})
