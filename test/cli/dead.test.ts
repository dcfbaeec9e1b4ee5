/** Dead letters: listed, shown, and put back once. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { headers } from '@nats-io/transport-node'
import { openBlobs } from '#shared/bus/blobs.ts'
import { readAll } from '#shared/bus/direct.ts'
import { replayDead } from '#shared/client/dead-letters.ts'
import { openSessionAt } from '#shared/client/session.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { filter, subject } from '#shared/contract/subjects.ts'
import { encode } from '#shared/wire/message.ts'
import { until } from '../support/until.ts'
import { actorsForThisFile } from '../support/with-actors.ts'
import { codeOf, qubus, type Said } from './qubus.ts'

const actors = await actorsForThisFile()
const flows = await actors.flows('surface.ts')
const ask = (...args: string[]): Promise<Said> => qubus([...args, '--json'], { home: actors.broker.home })

async function publish(to: string, body: Uint8Array | string, type: string): Promise<void> {
  const header = headers()
  header.set('Content-Type', type)
  await actors.bus.nc.request(to, body, { headers: header, timeout: 10_000 })
}

async function letterOf(stream: string): Promise<Record<string, unknown>> {
  return until(
    `a dead letter of ${stream}`,
    async () => (await ask('dead', 'list', '--stream', stream)).lines[0],
  )
}

test('a flow request that was given up is listed, shown with its reason and content, and runs when it is replayed', async () => {
  await openBlobs(actors.bus.nc).put(flows.bundle.bytes)
  const request = { flow: 'sets', bundle: flows.bundle.hash, params: { name: 'replayed' } }
  // The id stands for other work, until that is forgotten.
  await flows.run('sets', { name: 'first' }, { run: 'taken' })
  await publish(subject.request('taken'), JSON.stringify(request), 'application/json')
  const letter = await letterOf(STREAM.flows)
  assert.deepEqual([letter['run'], codeOf(letter)], ['taken', 'REQUEST_CONFLICT'])
  const id = String(letter['id'])
  const [shown] = (await ask('dead', 'show', id)).lines
  assert.deepEqual(shown?.['content'], request)
  assert.deepEqual(shown?.['headers'], { 'Content-Type': 'application/json' })
  const people = await qubus(['dead', 'show', id], { home: actors.broker.home })
  assert.match(people.stdout, /REQUEST_CONFLICT: /)

  await actors.bus.nc.request(`$JS.API.STREAM.PURGE.${STREAM.runs}`, JSON.stringify({ filter: filter.runs }))
  const session = await openSessionAt(await actors.broker.addressOf('admin'))
  const done = await Promise.allSettled([
    ask('dead', 'replay', id),
    ...Array.from({ length: 4 }, () => replayDead(session, Number(id))),
  ])
  const put = done.map((each) => {
    if (each.status === 'rejected') return (each.reason as { code: string }).code
    return 'replayed' in each.value
      ? each.value.replayed
      : (each.value.lines[0]?.['replayed'] ?? codeOf(each.value.lines[0]))
  })
  assert.equal(put.filter((each) => each === 'put back').length, 1, put.join())
  assert.ok(
    put.every((each) => ['put back', 'was there', 'UNKNOWN_LETTER'].includes(String(each))),
    put.join(),
  )
  assert.equal((await actors.client.outcome('taken')).state, 'completed')
  assert.equal((await actors.client.signals.get('replayed'))?.count, 1)
  assert.deepEqual((await ask('dead', 'list', '--stream', STREAM.flows)).lines, [])
  await session[Symbol.asyncDispose]()
  const again = await ask('dead', 'replay', id)
  assert.deepEqual([again.exitCode, codeOf(again.lines[0])], [2, 'UNKNOWN_LETTER'])
})

test('a command takes the place of the one that was given up, and is a letter again when it is no better', async () => {
  const to = subject.task('generic', { run: 'nobody', step: 1, attempt: 1 })
  await publish(to, new Uint8Array([0xc1]), 'application/msgpack')
  const letter = await letterOf(STREAM.tasks)
  assert.deepEqual([letter['run'], letter['bytes']], ['nobody', 1])
  const replayed = await ask('dead', 'replay', String(letter['id']))
  assert.equal(replayed.lines[0]?.['replayed'], 'put back', replayed.stderr)
  // It is no better than before: given up again, as another message.
  await until('it to be given up again', async () => {
    const [found] = (await ask('dead', 'list', '--stream', STREAM.tasks)).lines
    return found?.['id'] !== letter['id'] && found
  })
  let count = 0
  for await (const page of readAll(actors.bus.nc, STREAM.tasks, to)) count += page.length
  assert.equal(count, 1)
  assert.equal((await ask('dead', 'list', '--limit', '1')).lines.length, 1)
})

test('a record of a log is never moved, and garbage of an id is bad input', async () => {
  const dead = `${subject.dead(STREAM.runs, 'qubus.v1.run.3.r1.step.1')}.9`
  const letter = {
    stream: STREAM.runs,
    subject: 'qubus.v1.run.3.r1.step.1',
    sequence: 9,
    body: new Uint8Array([1]),
    error: { code: 'POISON', name: 'Error', message: 'as asked' },
    by: 'results-1',
    at: Date.now(),
  }
  await actors.bus.nc.request(dead, encode(letter))
  const [found] = (await ask('dead', 'list', '--stream', STREAM.runs)).lines
  assert.equal(found?.['run'], 'r1')
  const refused = await ask('dead', 'replay', String(found?.['id']))
  assert.deepEqual([refused.exitCode, codeOf(refused.lines[0])], [2, 'NOT_REPLAYABLE'])
  for (const id of ['0', 'x']) assert.equal((await ask('dead', 'show', id)).exitCode, 2)
})
