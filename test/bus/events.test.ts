import assert from 'node:assert/strict'
import { test } from 'node:test'
import { jetstreamManager } from '@nats-io/jetstream'
import type { Msg } from '@nats-io/transport-node'
import { outcomeDraft } from '#shared/actor/step-records.ts'
import { eventEmitter } from '#shared/bus/events.ts'
import { CONTENT_TYPE, cloudHeaders, headerLine } from '#shared/bus/headers.ts'
import { Publisher } from '#shared/bus/publisher.ts'
import { CE } from '#shared/contract/event.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { filter } from '#shared/contract/subjects.ts'
import { atEndOfFile } from '../support/leaks.ts'
import { until } from '../support/until.ts'
import { withBroker } from '../support/with-broker.ts'
import { stored } from './records.ts'

const broker = await withBroker()
atEndOfFile(() => broker[Symbol.asyncDispose]())
const { nc } = await broker.connect('admin')
const manager = await jetstreamManager(nc)

async function listen(subject: string): Promise<Msg[]> {
  const heard: Msg[] = []
  nc.subscribe(subject, { callback: (_, message) => void heard.push(message) })
  await nc.flush()
  return heard
}

/** What CloudEvents 1.0 asks of every event. */
function assertCloudEvent(message: Msg): void {
  const header = (name: string) => message.headers?.get(name) ?? ''
  assert.equal(header(CE.specversion), '1.0')
  assert.match(header(CE.type), /^qubus\.[a-z]+\.[a-z]+$/)
  assert.notEqual(header(CE.id), '')
  assert.match(header(CE.source), /^\/qubus\/\S+$/)
  assert.equal(new Date(header(CE.time)).toISOString(), header(CE.time))
  for (const [name, values] of message.headers ?? []) {
    assert.equal(values.length, 1, name)
    if (name.startsWith('ce-')) assert.match(name, /^ce-[a-z0-9]+$/)
  }
}

test('an event is a complete CloudEvent with a JSON body, for those who listen and in EVENTS', async () => {
  const heard = await listen(filter.events)
  const emit = eventEmitter(nc, '/qubus/worker/w-1')
  emit({ noun: 'run', verb: 'completed', run: 'r1', id: 'r1', data: { seconds: 3 } })
  emit({ noun: 'actor', verb: 'ready', id: 'w-1', data: { host: 'ä' } })
  emit({ noun: 'step', verb: 'running', run: 'r1', id: '4', data: {} })
  await until('they were heard', () => heard.length === 3)
  for (const message of heard) {
    assertCloudEvent(message)
    assert.equal(message.headers?.get(CONTENT_TYPE), 'application/json')
  }
  assert.deepEqual(
    heard.map((each) => each.subject),
    [
      'qubus.v1.event.run.completed.r1.r1',
      'qubus.v1.event.actor.ready._.w-1',
      'qubus.v1.event.step.running.r1.4',
    ],
  )
  assert.deepEqual(
    heard.map((each) => each.json()),
    [
      { id: 'r1', run: 'r1', seconds: 3 },
      { id: 'w-1', host: 'ä' },
      { id: '4', run: 'r1' },
    ],
  )
  assert.equal(new Set(heard.map((each) => each.headers?.get(CE.id))).size, 3)
  await until('they are kept', async () => (await stored(nc, STREAM.events, filter.events)).length === 3)
})

test('records of steps are told without their body, and EVENTS does not keep them', async () => {
  const heard = await listen('qubus.v1.event.step.recorded.r2.>')
  const publisher = new Publisher(nc, { stream: STREAM.runs })
  const place = { writer: 'worker-1', node: 'n1' }
  const command = { kind: 'task' as const, name: 'räume 100%\n', digest: 'd', queuedAt: 1 }
  const outcome = (step: number) =>
    outcomeDraft(
      place,
      { run: 'r2', step, attempt: 1 },
      command,
      { startedAt: 2, endedAt: 3 },
      { inline: new Uint8Array(1000) },
    )
  await publisher.create(outcome(1))
  await Promise.all(Array.from({ length: 40 }, (_, i) => publisher.create(outcome(i + 2))))
  await until('all were heard', () => heard.length === 41)
  for (const [i, message] of heard.entries()) {
    assertCloudEvent(message)
    assert.equal(message.data.length, 0)
    assert.equal(message.subject, `qubus.v1.event.step.recorded.r2.${i + 1}`)
    assert.equal(message.headers?.get(CE.type), 'qubus.step.completed')
    assert.equal(message.headers?.get(CE.id), `r2.${i + 1}`)
    assert.equal(decodeURI(message.headers?.get(CE.step) ?? ''), command.name)
  }
  const { state } = await manager.streams.info(STREAM.events, {
    subjects_filter: 'qubus.v1.event.step.recorded.>',
  })
  assert.deepEqual(state.subjects ?? {}, {})
})

test('a step may be called anything', () => {
  const attributes = { type: 't', id: 'i', source: '/s', time: 0 }
  for (const step of ['', 'a\r\nb: c', '😀', '%', 'x'.repeat(5000), 'half \ud83d of one']) {
    const lines = cloudHeaders({ ...attributes, step })
    assert.equal(lines.split('\r\n').length, 7)
    assert.match(lines, /^[\x20-\x7e\r\n]*$/)
  }
})

test('a header that would break its line is refused', () => {
  assert.throws(() => headerLine('a', 'b\r\nc: d'), TypeError)
})

test('an event that cannot be sent is no error', async () => {
  const other = await broker.connect('admin')
  await other[Symbol.asyncDispose]()
  assert.doesNotThrow(() =>
    eventEmitter(other.nc, '/qubus/x')({ noun: 'run', verb: 'completed', id: 'x', data: {} }),
  )
})
