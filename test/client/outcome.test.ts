import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pino } from 'pino'
import { deadLetters } from '#shared/actor/dead-letters.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { subject } from '#shared/contract/subjects.ts'
import { inline, withClient } from './with-client.ts'

test('a result is heard of even when every event is lost', async () => {
  await using world = await withClient()
  const run = await world.client.request({ flow: 'f', params: 1 })
  const waiting = world.client.outcome(run)
  await world.accept(run)
  await world.complete(run, { result: inline(new Map([['a', 1n]])) })
  const { result, ...rest } = await waiting
  assert.deepEqual(result, new Map([['a', 1n]]))
  assert.deepEqual(rest, {
    run,
    flow: 'f',
    state: 'completed',
    steps: 1,
    seconds: 2.5,
    startedAt: 1_000,
    endedAt: 3_500,
  })
})

test('a result above what a message holds comes from its blob', async () => {
  await using world = await withClient()
  const run = await world.client.request({ flow: 'f', params: new Uint8Array(300_000).fill(7) })
  const request = await world.requestOf(run)
  assert.ok(request?.payload && 'blob' in request.payload)
  await world.accept(run)
  await world.complete(run, { result: request.payload })
  assert.deepEqual(await world.client.result(run), new Uint8Array(300_000).fill(7))
})

test('the error of a failed run is thrown with its code and cause', async () => {
  await using world = await withClient()
  const run = await world.client.request({ flow: 'f' })
  await world.accept(run)
  await world.complete(run, {
    state: 'failed',
    error: {
      code: 'TASK_FAILED',
      name: 'Error',
      message: 'no',
      cause: { code: 'TIMEOUT', name: 'Error', message: 'late' },
    },
  })
  await assert.rejects(world.client.result(run), (error: QubusError) => {
    assert.deepEqual(
      [error.code, error.message, (error.cause as QubusError).code],
      ['TASK_FAILED', 'no', 'TIMEOUT'],
    )
    return true
  })
})

test('waiting ends with its signal, or when nobody knows the run', async () => {
  await using world = await withClient()
  await assert.rejects(world.client.result('nobody'), { code: 'UNKNOWN_RUN' })
  const run = await world.client.request({ flow: 'f' })
  const why = new Error('enough')
  await assert.rejects(world.client.outcome(run, { signal: AbortSignal.abort(why) }), why)
  const stop = new AbortController()
  const waiting = world.client.outcome(run, { signal: stop.signal })
  setImmediate(() => stop.abort(why))
  await assert.rejects(waiting, why)
})

test('a request that was given up ends the wait with its error', async () => {
  await using world = await withClient()
  const run = await world.client.request({ flow: 'f' })
  const coordinator = await world.broker.connect('coordinator')
  const bury = deadLetters(coordinator.nc, 'c-1', pino({ level: 'silent' }))
  const letter = { subject: subject.flow(run), sequence: 1, data: new Uint8Array(), ack() {} }
  await bury(STREAM.flows, letter as never, new QubusError('INVALID_REQUEST', 'it is malformed'))
  await using admin = await world.broker.connect('admin')
  await admin.nc.request(`$JS.API.STREAM.PURGE.${STREAM.flows}`, '')
  const { state, error } = await world.client.outcome(run)
  assert.deepEqual([state, error?.code, error?.message], ['failed', 'INVALID_REQUEST', 'it is malformed'])
})
