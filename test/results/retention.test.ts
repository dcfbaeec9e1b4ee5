import assert from 'node:assert/strict'
import { test } from 'node:test'
import { confirmMs, hastened, RETENTION } from '../../services/results/retention.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

test('while there is room, everything is kept as long as it is configured', () => {
  assert.deepEqual(hastened(RETENTION, 0, 0), RETENTION)
  assert.deepEqual(hastened(RETENTION, 0.59, 0.59), RETENTION)
})

test('ended runs go sooner the fuller the broker is, and all before no new run may begin', () => {
  const logOf = (fill: number) => hastened(RETENTION, fill, 0).log
  assert.equal(logOf(0.6), HOUR)
  assert.equal(logOf(0.75), 2 * MINUTE)
  const tombstonesOf = (fill: number) => hastened(RETENTION, fill, 0).tombstones
  assert.equal(tombstonesOf(0.7), RETENTION.tombstones)
  assert.equal(tombstonesOf(0.8), HOUR)
  assert.equal(tombstonesOf(0.95), 2 * MINUTE)
  assert.ok(hastened(RETENTION, 0.6, 0).everyMs <= 1_000)
})

test('full blobs hasten the runs that refer to them too; a full log leaves blobs alone', () => {
  const blobs = hastened(RETENTION, 0.1, 0.8)
  assert.equal(blobs.log, 2 * MINUTE)
  assert.equal(blobs.blobs, 10 * MINUTE)
  assert.ok(confirmMs(blobs) < blobs.blobs)
  assert.equal(hastened(RETENTION, 0.99, 0.1).blobs, RETENTION.blobs)
})

test('what is configured shorter is not kept longer, and history is never hastened', () => {
  const own = { ...RETENTION, log: MINUTE, tombstones: MINUTE }
  assert.equal(hastened(own, 0.7, 0).log, MINUTE)
  assert.equal(hastened(own, 0.8, 0).tombstones, MINUTE)
  const { runs, logs, dead } = hastened(RETENTION, 1, 1)
  assert.deepEqual([runs, logs, dead], [RETENTION.runs, RETENTION.logs, RETENTION.dead])
})
