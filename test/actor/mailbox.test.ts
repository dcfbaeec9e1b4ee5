import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MessageChannel } from 'node:worker_threads'
import { Outbox, openMail } from '#shared/actor/mailbox.ts'
import { until } from '../support/until.ts'

function channel() {
  const { port1, port2 } = new MessageChannel()
  const got: unknown[] = []
  const letters: Uint8Array[] = []
  port2.on('message', (message: Uint8Array) => {
    letters.push(message)
    got.push(...openMail<unknown>(message))
  })
  return { outbox: new Outbox<unknown>(port1), got, letters, [Symbol.dispose]: () => port1.close() }
}

test('messages arrive complete and in order, many in one letter', async () => {
  using pair = channel()
  const sent = Array.from({ length: 5000 }, (_, i) => ({
    n: i,
    text: `ä${i}`,
    bytes: new Uint8Array([i % 256]),
    nested: { list: [i, null, true] },
  }))
  for (const each of sent) pair.outbox.send(each)
  await until('all came', () => pair.got.length === sent.length)
  assert.deepEqual(pair.got, sent)
  assert.ok(pair.letters.length < 10)
})

test('the order holds across turns and flushes', async () => {
  using pair = channel()
  for (let i = 0; i < 300; i++) {
    pair.outbox.send(i)
    if (i % 7 === 0) pair.outbox.flush()
    if (i % 11 === 0) await new Promise(setImmediate)
  }
  await until('all came', () => pair.got.length === 300)
  assert.deepEqual(
    pair.got,
    Array.from({ length: 300 }, (_, i) => i),
  )
})

test('a letter is a buffer of its own: what is sent later does not change it', async () => {
  using pair = channel()
  const large = new Uint8Array(100_000).fill(7)
  pair.outbox.send(large)
  pair.outbox.flush()
  large.fill(9)
  pair.outbox.send(large)
  await until('both came', () => pair.got.length === 2)
  assert.deepEqual(
    pair.got.map((each) => (each as Uint8Array)[0]),
    [7, 9],
  )
  for (const letter of pair.letters) assert.equal(letter.byteLength, letter.buffer.byteLength)
})

test('nothing to send sends nothing', async () => {
  using pair = channel()
  pair.outbox.flush()
  pair.outbox.send('x')
  await until('it came', () => pair.got.length === 1)
  assert.equal(pair.letters.length, 1)
})
