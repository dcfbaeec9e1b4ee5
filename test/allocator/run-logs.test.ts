import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listenToRun, readRunLogs } from '../../services/allocator/run-logs.ts'
import { connectBus } from '../../shared/bus/connect.ts'
import { record, subject } from '../../shared/contract/subjects.ts'
import { encode } from '../../shared/wire/message.ts'
import { until } from '../support/until.ts'
import { withBroker } from '../support/with-broker.ts'

test('as the allocator’s own user: the news of a run is heard, and its log is read', async () => {
  await using broker = await withBroker()
  await using bus = await connectBus(await broker.addressOf('allocator'), 'test-allocator')
  await using admin = await connectBus(await broker.addressOf('admin'), 'test-admin')
  const heard = { run1: 0, run2: 0 }
  const stop = listenToRun(bus, 'run1', () => heard.run1++)
  listenToRun(bus, 'run2', () => heard.run2++)
  await bus.nc.flush()
  admin.nc.publish(subject.event('run', 'completed', 'run1', 'run1'), '{}')
  await until('the event', () => heard.run1 === 1)
  admin.nc.publish(subject.control('run1'), encode({}))
  await until('the word to look', () => heard.run1 === 2)
  assert.equal(heard.run2, 0)
  stop()

  for (const name of [record('run1').requested, record('run1').cancel, record('run2').attempt(3, 2)]) {
    await admin.nc.request(name, encode({}))
  }
  const steps = [
    { run: 'run1', step: 1, attempt: 1 },
    { run: 'run2', step: 3, attempt: 2 },
  ]
  assert.deepEqual(await readRunLogs(bus, steps), [
    { requested: true, cancelled: true, completed: false, outcome: undefined, attemptFailed: false },
    { requested: false, cancelled: false, completed: false, outcome: undefined, attemptFailed: true },
  ])
})
