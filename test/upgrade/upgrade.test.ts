import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { headers } from '@nats-io/transport-node'
import { openBlobs } from '#shared/bus/blobs.ts'
import { readLast, readLastOf } from '#shared/bus/direct.ts'
import { Publisher } from '#shared/bus/publisher.ts'
import { RequestedRecord } from '#shared/contract/run-record.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { record, subject } from '#shared/contract/subjects.ts'
import { VERSION } from '#shared/version.ts'
import { decode, encode, unpack } from '#shared/wire/message.ts'
import { assertReadable } from '../../services/coordinator/log-version.ts'
import { until } from '../support/until.ts'
import { actorsForThisFile } from '../support/with-actors.ts'

type Message = { subject: string; data: Uint8Array }
type Fixture = {
  version: string
  run: string
  bundle: { hash: string; bytes: Uint8Array }
  streams: Record<'RUNS' | 'TASKS' | 'FLOWS', Message[]>
}

const actors = await actorsForThisFile({ coordinators: 0, workers: 0 })
const { nc } = actors.bus

function fixtureOf(version: string): Fixture {
  const file = new URL(`../fixtures/upgrade/${version}.msgpack.gz`, import.meta.url)
  return unpack(gunzipSync(readFileSync(file))) as Fixture
}

/** What that version left on its broker. */
async function putBack({ bundle, streams }: Fixture): Promise<void> {
  assert.equal(await openBlobs(nc).put(bundle.bytes), bundle.hash)
  for (const stream of ['RUNS', 'TASKS', 'FLOWS'] as const) {
    const publisher = new Publisher(nc, { stream, atomic: false, batchesInFlight: 1 })
    for (const { subject: at, data } of streams[stream]) {
      // The broker itself maps requests.
      const to = stream === 'FLOWS' ? subject.request(at.slice(at.lastIndexOf('.') + 1)) : at
      assert.equal(await publisher.create({ subject: to, body: data, storedAs: at }), 'stored')
    }
    publisher.close()
  }
}

describe('a run that was begun by 0.1.0', () => {
  it('is ended by this version: what was done is not done again, what was left is done', async () => {
    const fixture = fixtureOf('0.1.0')
    await putBack(fixture)
    writeFileSync(join(actors.broker.home, 'gate'), '')
    actors.coordinators = [await actors.start('coordinator')]
    await actors.start('worker', '--pools', 'generic', '--slots', '2')
    const { state, result, error } = await actors.client.outcome(fixture.run)
    assert.equal(state, 'completed', JSON.stringify(error))
    assert.deepEqual(result, {
      first: [0, 1, 4, 9, 16],
      effect: { at: new Date(0), set: new Set([1, 2]), big: 10n },
      sub: { value: 49 },
      last: 31,
    })
    const { stored, counts, outcomes } = await actors.history(fixture.run)
    const before = fixture.streams.RUNS.filter(({ subject: at }) => at.includes('.upgraded.'))
    assert.deepEqual(
      stored.slice(0, before.length).map(({ subject: at, data }) => [at, Buffer.from(data)]),
      before.map(({ subject: at, data }) => [at, Buffer.from(data)]),
      'its log only grows',
    )
    assert.deepEqual([counts.outcome, counts.completed], [10, 1])
    const writers = new Set(outcomes.filter(({ step }) => step > 8).map(({ writer }) => writer))
    assert.equal(writers.size, 1)
    const [ours] = writers
    assert.ok(outcomes.filter(({ step }) => step <= 8).every(({ writer }) => writer !== ours))
    assert.ok(VERSION > fixture.version)
  })
})

describe('a run that was begun by a later version', () => {
  it('is handed back, so that a coordinator that can read it takes it, and says what to do', async () => {
    const run = 'from-the-future'
    const payload = { inline: new Uint8Array([0xc0]) }
    const sent = { flow: 'old', bundle: fixtureOf('0.1.0').bundle.hash, payload }
    // As a coordinator of that version wrote it: what this one writes, but for the version.
    const probe = 'from-the-present'
    const header = headers()
    header.set('Content-Type', 'application/msgpack')
    await nc.request(subject.request(probe), encode(sent), { headers: header, timeout: 10_000 })
    const written = await until('the request to be accepted', () =>
      readLast(nc, STREAM.runs, record(probe).requested),
    )
    const requested = decode(RequestedRecord, written.data)
    assert.equal(requested.version, VERSION)
    const records = new Publisher(nc, { stream: STREAM.runs })
    const body = encode({ ...requested, version: '99.1.0' })
    await records.create({ subject: record(run).requested, body })
    const hints: string[] = []
    nc.subscribe(subject.event('run', 'refused', run, '*'), {
      callback: (_error, message) => void hints.push(message.string()),
    })
    await nc.request(subject.request(run), encode(sent), { headers: header, timeout: 10_000 })
    const [coordinator] = await until('it to be handed back', () => {
      const all = actors.coordinators.filter((each) => each.log().includes('99.1.0'))
      return all.length > 0 ? all : undefined
    })
    assert.match(coordinator?.log() ?? '', /VERSION_UNSUPPORTED/)
    assert.ok(await readLast(nc, STREAM.flows, subject.flow(run)), 'its request is still there')
    assert.deepEqual((await actors.history(run)).counts, { requested: 1 })
    assert.deepEqual(hints, [], 'it was not given up')
    assert.deepEqual(
      await readLastOf(nc, STREAM.dead, [`${subject.dead(STREAM.flows, subject.flow(run))}.>`]),
      [],
    )
  })

  for (const [began, own, can] of [
    [undefined, '0.2.0', true],
    ['0.1.9', '0.2.0', true],
    ['0.2.7', '0.2.0', true],
    ['0.3.0', '0.2.9', false],
    ['0.10.0', '0.9.0', false],
    ['1.0.0', '0.9.0', false],
    ['1.2.0', '2.0.0', true],
  ] as const)
    it(`${own} ${can ? 'goes on with' : 'does not touch'} a run of ${began ?? 'a version that did not say'}`, () => {
      const check = () => assertReadable('r', began, own)
      if (can) check()
      else assert.throws(check, { code: 'VERSION_UNSUPPORTED', message: /start coordinators of .* or later/ })
    })
})
