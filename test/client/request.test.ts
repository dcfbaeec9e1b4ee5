import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import { decodeValue } from '#shared/wire/value.ts'
import { withClient } from './with-client.ts'

test('a request is on disk with its parameters and facts when its run id is returned', async () => {
  await using world = await withClient()
  const run = await world.client.request({
    flow: 'circuit',
    params: { when: new Date(5), big: 3n },
    project: 'p',
    priority: 2,
    tags: ['a', 'b'],
    pool: 'gpu',
  })
  const request = await world.requestOf(run)
  assert.deepEqual(
    { ...request, payload: undefined, requestedAt: undefined, user: undefined },
    {
      flow: 'circuit',
      bundle: 'builtin',
      project: 'p',
      priority: 2,
      tags: ['a', 'b'],
      pool: 'gpu',
      payload: undefined,
      requestedAt: undefined,
      user: undefined,
    },
  )
  assert.ok(request?.payload && 'inline' in request.payload)
  assert.deepEqual(decodeValue(request.payload.inline), { when: new Date(5), big: 3n })
  assert.ok(typeof request.user === 'string' && Math.abs((request.requestedAt ?? 0) - Date.now()) < 60_000)
})

test('a bundle is stored before the request that names it', async () => {
  await using world = await withClient()
  const bytes = new TextEncoder().encode('export const x = 1\n')
  const run = await world.client.request({
    flow: 'f',
    bundle: { bytes, hash: hash('sha256', bytes), sourceRoot: '/src' },
  })
  const request = await world.requestOf(run)
  assert.equal(request?.bundle, hash('sha256', bytes))
  assert.equal(request?.sourceRoot, '/src')
})

test('the same id with the same work is one run, whether it waits, runs or has ended', async () => {
  await using world = await withClient()
  const wanted = { flow: 'f', run: 'once', params: { n: 1 } }
  for (const act of [async () => {}, world.accept, world.complete]) {
    await act('once')
    assert.equal(await world.client.request(wanted), 'once')
  }
})

test('the same id with other work is a conflict, whether the first waits or runs', async () => {
  await using world = await withClient()
  await world.client.request({ flow: 'f', run: 'taken', params: { n: 1 } })
  for (const act of [async () => {}, world.accept]) {
    await act('taken')
    await assert.rejects(world.client.request({ flow: 'f', run: 'taken', params: { n: 2 } }), {
      code: 'REQUEST_CONFLICT',
      message: /with other parameters/,
    })
    await assert.rejects(world.client.request({ flow: 'g', run: 'taken', params: { n: 1 } }), {
      code: 'REQUEST_CONFLICT',
      message: /for flow "f"/,
    })
  }
})

test('what cannot travel, or be a name, is refused before anything is sent', async () => {
  await using world = await withClient()
  await assert.rejects(world.client.request({ flow: 'f', params: { on: () => 1 } }), {
    code: 'UNENCODABLE',
    message: /parameters of flow "f".*\.on/,
  })
  await assert.rejects(world.client.request({ flow: 'f', run: 'a.b' }), { code: 'INVALID_NAME' })
  await assert.rejects(world.client.request({ flow: '', params: 1 }), {
    code: 'INVALID_REQUEST',
    message: /flow/,
  })
  await assert.rejects(world.client.request({ flow: 'f', bundle: 'x' }), {
    code: 'INVALID_REQUEST',
    message: /bundle/,
  })
  await assert.rejects(world.client.request({ flow: 'f', pool: 'a.b' }), {
    code: 'INVALID_REQUEST',
    message: /pool/,
  })
  assert.deepEqual(await world.client.queued(), [])
})
