import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readEnvironment } from '#shared/config/environment.ts'
import { parseRetention, RETENTION_TIMES } from '#shared/config/retention.ts'

const HOUR = 3600 * 1000

test('what QUBUS_RETENTION does not name keeps its default', () => {
  assert.deepEqual(parseRetention(undefined), RETENTION_TIMES)
  assert.deepEqual(parseRetention(' runs = 90d, logs=7d,blobs=48h '), {
    ...RETENTION_TIMES,
    runs: 90 * 24 * HOUR,
    logs: 7 * 24 * HOUR,
    blobs: 48 * HOUR,
  })
  assert.equal(readEnvironment({ HOME: '/h', QUBUS_RETENTION: 'dead=2w' }).retention.dead, 14 * 24 * HOUR)
})

for (const [text, wanted] of [
  ['rows=3d', /got "rows=3d".*log, tombstones, runs, logs, blobs, dead/],
  ['runs=3', /got "runs=3".*h, d, w or y/],
  ['runs=-1d', /got "runs=-1d"/],
  ['log=0h', /at least 1h/],
] as const)
  test(`QUBUS_RETENTION=${text} is refused in words`, () => {
    assert.throws(() => readEnvironment({ HOME: '/h', QUBUS_RETENTION: text }), {
      code: 'BAD_ENVIRONMENT',
      message: wanted,
    })
  })
