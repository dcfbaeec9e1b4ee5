import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { headers } from '@nats-io/transport-node'
import { openBlobs } from '#shared/bus/blobs.ts'
import { readLast, readLastOf } from '#shared/bus/direct.ts'
import { DeadLetter } from '#shared/contract/dead-letter.ts'
import type { FlowRequest } from '#shared/contract/flow-request.ts'
import { CompletedRecord } from '#shared/contract/run-record.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { record, subject } from '#shared/contract/subjects.ts'
import { decode, encode } from '#shared/wire/message.ts'
import { until } from '../support/until.ts'
import { actorsForThisFile } from '../support/with-actors.ts'

const actors = await actorsForThisFile({ coordinators: 2 })
const flows = await actors.flows('steps.ts')
await openBlobs(actors.bus.nc).put(flows.bundle.bytes)

/** Publishes a request as a script would, past the client's own checks. */
async function publish(run: string, body: Uint8Array | string, type = 'application/json'): Promise<void> {
  const header = headers()
  header.set('Content-Type', type)
  await actors.bus.nc.request(subject.request(run), body, { headers: header, timeout: 10_000 })
}

function requestFor(params: unknown, more: Partial<FlowRequest> = {}): string {
  return JSON.stringify({ flow: 'checked', bundle: flows.bundle.hash, params, ...more })
}

async function deadLetters(run: string): Promise<DeadLetter[]> {
  const found = await readLastOf(actors.bus.nc, STREAM.dead, [
    `${subject.dead(STREAM.flows, subject.flow(run))}.>`,
  ])
  return found.map(({ data }) => decode(DeadLetter, data))
}

async function buried(run: string): Promise<DeadLetter> {
  const [letter] = await until(`a dead letter of ${run}`, async () => {
    const letters = await deadLetters(run)
    return letters.length > 0 && letters
  })
  return letter as DeadLetter
}

async function ended(run: string): Promise<CompletedRecord> {
  const found = await until(`${run} to end`, () =>
    readLast(actors.bus.nc, STREAM.runs, record(run).completed),
  )
  return decode(CompletedRecord, found.data)
}

describe('a request', { concurrency: true }, () => {
  it('in JSON from a script is as good as any', async () => {
    await publish('by-script', requestFor({ n: 3 }))
    assert.deepEqual((await actors.client.outcome('by-script')).result, { n: 3, label: 'none' })
  })

  it('that comes twice is one run', async () => {
    const [one, two] = await Promise.all([
      flows.run('checked', { n: 4 }, { run: 'twice' }),
      flows.run('checked', { n: 4 }, { run: 'twice' }),
    ])
    assert.deepEqual([one.state, two], ['completed', one])
    await publish('thrice', requestFor({ n: 5 }))
    await ended('thrice')
    await publish('thrice', requestFor({ n: 5 }))
    await publish('thrice', requestFor({ n: 5 }))
    await until(
      'the requests to be answered',
      async () => (await readLast(actors.bus.nc, STREAM.flows, subject.flow('thrice'))) === undefined,
    )
    assert.deepEqual((await actors.history('thrice')).counts, { requested: 1, outcome: 1, completed: 1 })
    assert.deepEqual(await deadLetters('thrice'), [])
  })

  it('whose id was used with other parameters is a conflict, and goes to the dead letters', async () => {
    await flows.run('checked', { n: 6 }, { run: 'taken' })
    await assert.rejects(flows.request('checked', { n: 7 }, { run: 'taken' }), { code: 'REQUEST_CONFLICT' })
    await publish('taken', requestFor({ n: 7 }))
    const { error, body, subject: of } = await buried('taken')
    assert.equal(error.code, 'REQUEST_CONFLICT')
    assert.equal(of, subject.flow('taken'))
    assert.equal(Buffer.from(body).toString(), requestFor({ n: 7 }))
    assert.deepEqual((await actors.client.outcome('taken')).result, { n: 6, label: 'none' })
    await until('the request is gone', async () => {
      return (await readLast(actors.bus.nc, STREAM.flows, subject.flow('taken'))) === undefined
    })
  })

  it('that is none goes to the dead letters, and others are served', async () => {
    const wrong: [string, Uint8Array | string, string][] = [
      ['no-json', '{"flow": ', 'application/json'],
      ['no-msgpack', new Uint8Array([0xc1, 0, 1]), 'application/msgpack'],
      ['no-flow', JSON.stringify({ bundle: flows.bundle.hash }), 'application/json'],
      ['no-bundle', JSON.stringify({ flow: 'checked', bundle: 'latest' }), 'application/json'],
      ['bad-pool', requestFor({ n: 1 }, { pool: 'a.b' }), 'application/json'],
      ['number', encode(7), 'application/msgpack'],
    ]
    await Promise.all(wrong.map(([run, body, type]) => publish(run, body, type)))
    for (const [run, body] of wrong) {
      const letter = await buried(run)
      assert.match(letter.error.code, /^(INVALID_REQUEST|POISON)$/, run)
      assert.deepEqual(Buffer.from(letter.body), Buffer.from(body))
      assert.deepEqual((await actors.history(run)).counts, {})
    }
    assert.equal((await flows.run('checked', { n: 1 })).state, 'completed')
  })

  it('for code or a flow that is not there ends its run, and says which', async () => {
    await publish('no-such-flow', requestFor({}, { flow: 'nobody' }))
    assert.equal((await ended('no-such-flow')).error?.code, 'UNKNOWN_FLOW')
    await publish('bad-input', requestFor({ n: 'three' }))
    assert.equal((await ended('bad-input')).error?.code, 'INVALID_INPUT')
  })
})

describe('two coordinators', () => {
  it('share the runs, and each run is ended by one of them', async () => {
    const runs = await Promise.all(Array.from({ length: 40 }, () => flows.request('naps', { seconds: 0.5 })))
    const writers = await Promise.all(runs.map(async (run) => (await ended(run)).writer))
    assert.equal(new Set(writers).size, 2)
    for (const run of runs) assert.equal((await actors.history(run)).counts.outcome, 2)
  })
})
