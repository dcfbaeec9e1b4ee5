import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { headers } from '@nats-io/transport-node'
import { encode } from '#shared/wire/message.ts'
import { readRequest } from '../../services/coordinator/read-request.ts'

function read(body: Uint8Array | string, type?: string) {
  const head = headers()
  if (type !== undefined) head.set('Content-Type', type)
  return readRequest({
    data: typeof body === 'string' ? new TextEncoder().encode(body) : body,
    headers: head,
  })
}

const request = { flow: 'f', params: { n: 1 } }

describe('a flow request', () => {
  it('is read in JSON and msgpack, by its content type or, without one, by how it begins', () => {
    assert.deepEqual(read(JSON.stringify(request), 'application/json'), request)
    assert.deepEqual(read(` ${JSON.stringify(request)}`, 'application/json; charset=utf-8'), request)
    assert.deepEqual(read(JSON.stringify(request)), request)
    assert.deepEqual(read(encode(request), 'application/msgpack'), request)
    assert.deepEqual(read(encode(request), 'application/x-msgpack'), request)
    assert.deepEqual(read(encode(request)), request)
  })

  const wrong: [what: string, body: Uint8Array | string, type: string | undefined, says: RegExp][] = [
    ['no JSON', '{"flow": ', 'application/json', /it is not JSON: /],
    ['no UTF-8', new Uint8Array([0x7b, 0xff]), 'application/json', /it is not JSON: /],
    [
      'no msgpack',
      new Uint8Array([0x82, 0xa1]),
      undefined,
      /it is not msgpack; with JSON, send the header Content-Type: /,
    ],
    [
      'another type',
      JSON.stringify(request),
      'text/plain',
      /its Content-Type is "text\/plain"; write application\/json or/,
    ],
    ['nothing', '', undefined, /malformed/],
    ['a list', '[1]', 'application/json', /it is \[1\]; write an object such as/],
    ['no flow', '{}', undefined, /flow is missing: write the name of a published/],
    [
      'a bad bundle',
      '{"flow":"f","bundle":"latest"}',
      undefined,
      /bundle is "latest": write the SHA-256 of a stored bundle, or leave it out/,
    ],
    [
      'a bad pool',
      '{"flow":"f","pool":"a.b"}',
      undefined,
      /pool is "a.b": write the name of a pool: letters/,
    ],
    ['a tag that is none', '{"flow":"f","tags":["a",7]}', undefined, /tags\.1 is 7: .*expected string/],
  ]
  for (const [what, body, type, says] of wrong)
    it(`that is ${what} is refused with what was found and what to write`, () => {
      assert.throws(() => read(body, type), { code: 'INVALID_REQUEST', message: says })
    })
})
