import assert from 'node:assert/strict'
import { test } from 'node:test'
import { subject } from '#shared/contract/subjects.ts'
import { encode } from '#shared/wire/message.ts'
import { withClient } from './with-client.ts'

test('when nobody answers, a question is unreachable and a live view is none', async () => {
  await using world = await withClient()
  await assert.rejects(world.client.query('runs', {}), { code: 'UNREACHABLE', message: /nobody answers/ })
  assert.equal(await world.client.inspect('r'), undefined)
  await assert.rejects(world.client.query('runs', { limit: 0 }), {
    code: 'INVALID_REQUEST',
    message: /limit/,
  })
})

test("an answer is checked, and a refusal is the asker's error", async () => {
  await using world = await withClient()
  const results = await world.broker.connect('results')
  const answers: unknown[] = [
    { runs: [] },
    { error: { code: 'UNREACHABLE', name: 'QubusError', message: 'Postgres is away' } },
    { rows: 1 },
  ]
  results.nc.subscribe(subject.query('runs'), {
    callback: (_, message) => void message.respond(encode(answers.shift())),
  })
  await results.nc.flush()
  assert.deepEqual(await world.client.query('runs', {}), { runs: [] })
  await assert.rejects(world.client.query('runs', {}), { code: 'UNREACHABLE', message: 'Postgres is away' })
  await assert.rejects(world.client.query('runs', {}), { code: 'POISON' })
})

test('requests that nobody took up are listed, those that were are not', async () => {
  await using world = await withClient()
  const first = await world.client.request({ flow: 'waits', project: 'p' })
  const second = await world.client.request({ flow: 'runs' })
  await world.accept(second)
  assert.deepEqual(
    (await world.client.queued()).map(({ run, flow, state, project }) => ({ run, flow, state, project })),
    [{ run: first, flow: 'waits', state: 'queued', project: 'p' }],
  )
  const { queues, jobs, actors } = await world.client.status()
  assert.deepEqual([queues['flows'], jobs, actors], [{ waiting: 0, running: 0 }, [], []])
})

test('draining a device that is not there names those that are', async () => {
  await using world = await withClient()
  await assert.rejects(world.client.drain('vqpu-9'), { code: 'UNKNOWN_DEVICE', message: /alive: none/ })
})
