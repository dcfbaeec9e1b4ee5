import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nextDelay } from '#infra/supervisor/back-off.ts'

test('what keeps dying is started later and later, up to 5 s', () => {
  const delays: number[] = []
  for (let i = 0; i < 8; i++) delays.push(nextDelay(delays.at(-1) ?? 0, 10))
  assert.deepEqual(delays, [100, 200, 400, 800, 1600, 3200, 5000, 5000])
})

test('what lived for 30 s starts again at once', () => {
  assert.equal(nextDelay(5000, 30_000), 100)
  assert.equal(nextDelay(5000, 29_999), 5000)
})
