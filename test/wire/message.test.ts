import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { z } from 'zod'
import { TaskCommand } from '#shared/contract/command.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { StepOutcome } from '#shared/contract/step-record.ts'
import { decode, encode, unpack } from '#shared/wire/message.ts'
import { requestDigest } from '#shared/wire/request-digest.ts'

const command: TaskCommand = {
  kind: 'task',
  name: 'square',
  digest: 'd',
  queuedAt: 1_700_000_000_000.5,
  bundle: 'b',
  payload: { inline: new Uint8Array([1, 2, 3]) },
}

test('a message comes back as it was', () => {
  assert.deepEqual(decode(TaskCommand, encode(command)), {
    ...command,
    payload: { inline: Buffer.from([1, 2, 3]) },
  })
})

test('a field that this version does not know is ignored', () => {
  assert.equal(decode(TaskCommand, encode({ ...command, ofLater: true })).name, 'square')
})

test('a message that is sent while another waits keeps its bytes', () => {
  const first = encode(command)
  const before = Buffer.from(first)
  for (let i = 0; i < 10_000; i++) encode({ ...command, name: `other ${i}` })
  assert.deepEqual(Buffer.from(first), before)
})

test('garbage is POISON, whatever its bytes are', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      try {
        decode(StepOutcome, bytes)
        assert.fail('no garbage is an outcome')
      } catch (error) {
        assert.ok(error instanceof QubusError, String(error))
        assert.equal(error.code, 'POISON')
      }
    }),
    { numRuns: 5000 },
  )
})

test('a message that was cut is POISON', () => {
  const whole = encode(command)
  for (let length = 0; length < whole.length; length++) {
    assert.throws(() => decode(TaskCommand, whole.slice(0, length)), { code: 'POISON' })
  }
})

test('bytes after a message are POISON', () => {
  assert.throws(() => decode(TaskCommand, Buffer.concat([encode(command), encode(1)])), { code: 'POISON' })
})

test('a message that does not fit says which field does not', () => {
  assert.throws(() => decode(TaskCommand, encode({ ...command, payload: { inline: 'text' } })), /payload/)
  assert.throws(() => decode(TaskCommand, encode({ ...command, kind: 'dance' })), /kind/)
  assert.throws(() => decode(TaskCommand, encode('text')), /root/)
})

test('garbage leaves nothing behind that changes how the next message is read', () => {
  const numbers = Array.from({ length: 256 }, (_, i) => i)
  const bytes = new Uint8Array(encode(numbers))
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.boolean(), (garbage, record) => {
      // 0xd4 0x72 defines a record in the packer's own extension.
      const poison = record ? Uint8Array.from([0xd4, 0x72, 0x40, 0x91, 0xa1, 0x61, ...garbage]) : garbage
      try {
        unpack(poison)
      } catch {}
      assert.deepEqual(decode(z.array(z.number()), bytes), numbers)
      assert.ok(Buffer.from(encode(numbers)).equals(bytes))
    }),
    { numRuns: 2000 },
  )
})

test('a length that garbage claims costs neither time nor memory', () => {
  for (const claim of [
    [0xdd, 0xff, 0xff, 0xff, 0xff],
    [0xdf, 0xff, 0xff, 0xff, 0xff],
    [0xc6, 0xff, 0xff, 0xff, 0xff],
    [0xdb, 0xff, 0xff, 0xff, 0xff],
  ]) {
    const before = process.memoryUsage().rss
    assert.throws(() => decode(TaskCommand, Uint8Array.from(claim)), { code: 'POISON' })
    assert.ok(process.memoryUsage().rss - before < 200_000_000)
  }
})

test('a request is told apart by flow, bundle and parameters, inline or in a blob', () => {
  const inline = (text: string) => ({ inline: Buffer.from(text) })
  const digests = [
    requestDigest('f', 'b', inline('p')),
    requestDigest('g', 'b', inline('p')),
    requestDigest('f', 'c', inline('p')),
    requestDigest('f', 'b', inline('q')),
    requestDigest('f', 'b', { blob: 'a'.repeat(64), size: 1 }),
  ]
  assert.equal(new Set(digests).size, digests.length)
  assert.equal(requestDigest('f', 'b', inline('p')), digests[0])
})
