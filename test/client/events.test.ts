import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventEmitter } from '#shared/bus/events.ts'
import { cloudHeaders } from '#shared/bus/headers.ts'
import { Publisher } from '#shared/bus/publisher.ts'
import type { CloudEvent } from '#shared/contract/event.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { record, subject } from '#shared/contract/subjects.ts'
import { encode } from '#shared/wire/message.ts'
import { until } from '../support/until.ts'
import { withClient } from './with-client.ts'

const outcome = (run: string, step: number, time: number) => ({
  subject: record(run).outcome(step),
  body: encode({ secret: 'the body' }),
  headers: cloudHeaders({
    type: 'qubus.step.completed',
    id: `${run}.${step}`,
    source: '/qubus/worker/w',
    time,
    step: `stép ${step}`,
  }),
})

test('history merges events and step records by time, without bodies of the log', async () => {
  await using world = await withClient()
  const bus = await world.broker.connect('coordinator')
  const runs = new Publisher(bus.nc, { stream: STREAM.runs })
  const emit = eventEmitter(bus.nc, '/qubus/coordinator/c')
  emit({ noun: 'run', verb: 'started', run: 'r', id: 'r', data: { flow: 'f' } })
  await bus.nc.flush()
  await runs.create(outcome('r', 1, Date.now() + 1_000))
  await runs.create(outcome('other', 1, Date.now()))
  emit({ noun: 'run', verb: 'completed', run: 'r', id: 'r', data: {} })
  await until(
    'the events are kept',
    async () => (await Array.fromAsync(world.client.events({ run: 'r' }))).length === 3,
  )
  const seen = await Array.fromAsync(world.client.events({ run: 'r' }))
  assert.deepEqual(
    seen.map((event) => event.type),
    ['qubus.run.started', 'qubus.run.completed', 'qubus.step.completed'],
  )
  assert.deepEqual(seen[0]?.data, { id: 'r', run: 'r', flow: 'f' })
  const step = seen[2] as CloudEvent
  assert.deepEqual([step['run'], step['step'], step['stepname'], step.data], ['r', 1, 'stép 1', undefined])
  assert.equal((await Array.fromAsync(world.client.events({ since: Date.now() + 500 }))).length, 1)
})

test('following gives history and what comes, each event once where they meet', async () => {
  await using world = await withClient()
  const bus = await world.broker.connect('coordinator')
  const runs = new Publisher(bus.nc, { stream: STREAM.runs })
  const stop = new AbortController()
  const seen: string[] = []
  const writing = (async () => {
    for (let step = 1; step <= 300; step++) await runs.create(outcome('r', step, Date.now()))
  })()
  const watching = (async () => {
    for await (const event of world.client.events({ run: 'r', follow: true, signal: stop.signal }))
      seen.push(event.id)
  })()
  await writing
  await until('all are seen', () => seen.length >= 300)
  stop.abort()
  await watching
  assert.equal(seen.length, 300)
  assert.equal(new Set(seen).size, 300)
})

test('a run that never was has no events, and an empty system no history', async () => {
  await using world = await withClient()
  assert.deepEqual(await Array.fromAsync(world.client.events({ run: 'nobody' })), [])
  assert.deepEqual(await Array.fromAsync(world.client.events({ since: 0 })), [])
})

test('log lines are read from what is kept, then live, a repeat once', async () => {
  await using world = await withClient()
  const bus = await world.broker.connect('worker')
  const say = (seq: number, text: string): void => {
    const line = { at: seq, level: 'info', stream: 'log', text }
    bus.nc.publish(subject.log('r', 2, 1), encode({ writer: 'w', seq, lines: [line] }))
  }
  say(0, 'first')
  await bus.nc.flush()
  await until('it is kept', async () => (await Array.fromAsync(world.client.logs('r'))).length === 1)
  const stop = new AbortController()
  const texts: string[] = []
  const watching = (async () => {
    for await (const line of world.client.logs('r', { follow: true, signal: stop.signal }))
      texts.push(`${line.step}.${line.attempt} ${line.text}`)
  })()
  await until('the first is seen', () => texts.length === 1)
  say(0, 'first')
  say(1, 'second')
  await until('the second is seen', () => texts.length === 2)
  stop.abort()
  await watching
  assert.deepEqual(texts, ['2.1 first', '2.1 second'])
})
