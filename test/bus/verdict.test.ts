import assert from 'node:assert/strict'
import { test } from 'node:test'
import { jetstreamManager } from '@nats-io/jetstream'
import type { Msg } from '@nats-io/transport-node'
import { EXPECT_SEQUENCE, headerLine, wireHeaders } from '#shared/bus/headers.ts'
import { muxOf } from '#shared/bus/mux.ts'
import { verdictOf } from '#shared/bus/verdict.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { record, subject } from '#shared/contract/subjects.ts'
import { atEndOfFile } from '../support/leaks.ts'
import { withBroker } from '../support/with-broker.ts'

const broker = await withBroker()
atEndOfFile(() => broker[Symbol.asyncDispose]())
const { nc } = await broker.connect('admin')

const publish = async (to: string, headers?: [string, string], bytes = 10): Promise<Msg> => {
  const wire = headers === undefined ? undefined : wireHeaders(headerLine(...headers))
  const reply = await muxOf(nc).request(to, new Uint8Array(bytes), wire, 5_000)
  assert.ok(reply)
  return reply
}
const create = (to: string, bytes?: number) => publish(to, [EXPECT_SEQUENCE, '0'], bytes)

test('the first message of a subject is stored, a second one exists', async () => {
  const to = record('verdict').outcome(1)
  assert.equal(verdictOf(await create(to)), 'stored')
  assert.equal(verdictOf(await create(to)), 'exists')
})

test('a second command exists, although the broker says it under the code of a full stream', async () => {
  const to = subject.task('cpu', { run: 'verdict', step: 1, attempt: 1 })
  assert.equal(verdictOf(await publish(to)), 'stored')
  const again = await publish(to)
  assert.equal((again.json() as { error: { err_code: number } }).error.err_code, 10077)
  assert.equal(verdictOf(again), 'exists')
})

test('a stream that takes no more is full', async () => {
  const manager = await jetstreamManager(nc)
  await manager.streams.update(STREAM.runs, { max_bytes: 50_000 })
  assert.equal(verdictOf(await create(record('verdict').outcome(2), 60_000)), 'full')
})

test('what the broker refuses for another reason is unknown: it is tried again', async () => {
  const to = record('verdict').outcome(3)
  assert.equal(verdictOf(await publish(to, ['Nats-Expected-Stream', 'OTHER'])), 'unknown')
})
