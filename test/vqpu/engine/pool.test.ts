/** What the pool does when threads misbehave. The threads are real; their program breaks on demand. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ThreadPool } from '../../../services/vqpu/engine/embedded/thread-pool.ts'

const STUBBORN = new URL('./stubborn-thread.ts', import.meta.url)
const start = (threads: number, program = STUBBORN) =>
  new ThreadPool({ threads, budgetBytes: 2 ** 30, maxQubits: 26, program, graceMs: 20 })
/** Ready, so that a circuit is in a thread as soon as it was given. */
async function open(threads: number): Promise<ThreadPool> {
  const pool = start(threads)
  await pool.ready()
  return pool
}
const job = (source: string) => ({ id: source, source, shots: 10 })

for (const [how, message] of [
  ['throw', /broken on demand/],
  ['exit', /exit code 7/],
] as const) {
  test(`a thread that ends by ${how} fails its own circuit only, and is replaced`, async () => {
    await using pool = await open(1)
    const results = await Promise.allSettled([
      pool.run(job('fine')),
      pool.run(job(how)),
      pool.run(job('fine')),
    ])
    assert.deepEqual(
      results.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    )
    const { reason } = results[1] as PromiseRejectedResult
    assert.equal(reason.code, 'ENGINE_FAILED')
    assert.match(reason.message, message)
  })
}

test('a circuit that does not stop loses its thread; the others are unhurt', async () => {
  await using pool = await open(2)
  const abort = new AbortController()
  const stuck = pool.run(job('never stop'), abort.signal)
  const others = Promise.all(Array.from({ length: 20 }, () => pool.run(job('fine'))))
  abort.abort(new Error('no longer wanted'))
  await assert.rejects(
    stuck,
    (error: Error & { code?: string }) =>
      error.code === 'CANCELLED' && (error.cause as Error).message === 'no longer wanted',
  )
  assert.equal((await others).length, 20)
  // Both threads work again: with one stuck for ever, the second of these would never start.
  const blocked = new AbortController()
  const again = pool.run(job('never stop'), blocked.signal)
  await pool.run(job('fine'))
  blocked.abort()
  await assert.rejects(again, { code: 'CANCELLED' })
})

test('a thread that dies gives back the memory that it held', async () => {
  await using pool = await open(1)
  for (let round = 0; round < 3; round++)
    await assert.rejects(pool.run(job('hold memory')), { code: 'ENGINE_FAILED' })
  assert.equal((await pool.run(job('fine'))).shots, 10)
})

test('a circuit that was cancelled before it began never reaches a thread', async () => {
  await using pool = await open(1)
  const first = new AbortController()
  const second = new AbortController()
  const running = pool.run(job('never stop'), first.signal)
  const queued = pool.run(job('exit'), second.signal)
  second.abort()
  await assert.rejects(queued, { code: 'CANCELLED' })
  first.abort()
  await assert.rejects(running, { code: 'CANCELLED' })
  assert.equal((await pool.run(job('fine'))).shots, 10)
  await assert.rejects(pool.run(job('fine'), AbortSignal.abort()), { code: 'CANCELLED' })
})

test('threads that can not start fail the circuits that wait instead of starting for ever', async () => {
  await using pool = start(2, new URL('./no-such-thread.ts', import.meta.url))
  await assert.rejects(
    pool.run(job('fine')),
    (error: Error & { code?: string }) =>
      error.code === 'ENGINE_FAILED' && /no-such-thread/.test(error.message),
  )
  await pool.ready()
})

test('closing the pool rejects what runs and what waits', async () => {
  const pool = await open(1)
  const all = Promise.allSettled([pool.run(job('never stop')), pool.run(job('fine'))])
  await pool[Symbol.asyncDispose]()
  for (const result of await all) assert.equal((result as PromiseRejectedResult).reason.code, 'CANCELLED')
  await assert.rejects(pool.run(job('fine')), { code: 'ENGINE_FAILED' })
})
