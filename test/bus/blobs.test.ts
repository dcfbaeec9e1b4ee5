import assert from 'node:assert/strict'
import { hash, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { Objm } from '@nats-io/obj'
import { blobSubject, openBlobs } from '#shared/bus/blobs.ts'
import { readLast } from '#shared/bus/direct.ts'
import { BLOB_BUCKET, INLINE_LIMIT } from '#shared/contract/streams.ts'
import { atEndOfFile } from '../support/leaks.ts'
import { until } from '../support/until.ts'
import { withBroker } from '../support/with-broker.ts'

const broker = await withBroker()
atEndOfFile(() => broker[Symbol.asyncDispose]())
const { nc } = await broker.connect('admin')
const blobs = openBlobs(nc)

for (const size of [0, 1, 128 * 1024, INLINE_LIMIT + 1, 12_000_000]) {
  test(`a blob of ${size} bytes comes back under the SHA-256 of its content`, async () => {
    const bytes = randomBytes(size)
    const name = await blobs.put(bytes)
    assert.equal(name, hash('sha256', bytes))
    assert.ok(Buffer.from(await blobs.get(name)).equals(bytes))
  })
}

for (const user of ['worker', 'vqpu', 'submitter', 'coordinator', 'results', 'client'] as const) {
  test(`${user} may put and get blobs with its own permissions`, async () => {
    await using bus = await broker.connect(user)
    const theirs = openBlobs(bus.nc)
    const bytes = randomBytes(300_000)
    const name = await theirs.put(bytes)
    assert.ok(Buffer.from(await theirs.get(name)).equals(bytes))
    assert.ok(Buffer.from(await blobs.get(name)).equals(bytes))
  })
}

test('the same content is stored once', async () => {
  const bytes = randomBytes(500_000)
  const bucket = await new Objm(nc).open(BLOB_BUCKET)
  await blobs.put(bytes)
  const before = (await bucket.status()).size
  await blobs.put(bytes)
  assert.equal((await bucket.status()).size, before)
})

test('content that is stored again is young again, and one that was collected meanwhile is stored anew', async () => {
  const patient = openBlobs(nc, { refreshAfterMs: 0 })
  const bytes = randomBytes(300_000)
  const name = await patient.put(bytes)
  const entry = () => readLast(nc, 'OBJ_blobs', blobSubject(name))
  const first = await entry()
  const bucket = await new Objm(nc).open(BLOB_BUCKET)
  const { size } = await bucket.status()
  await patient.put(bytes)
  const second = await entry()
  assert.ok((second?.sequence ?? 0) > (first?.sequence ?? 0))
  assert.ok((await bucket.status()).size < size + 1000, 'only its entry is written again')
  assert.ok(Buffer.from(await blobs.get(name)).equals(bytes))
  await nc.request('$JS.API.STREAM.MSG.DELETE.OBJ_blobs', JSON.stringify({ seq: second?.sequence }))
  await patient.put(bytes)
  assert.ok(Buffer.from(await blobs.get(name)).equals(bytes))
})

test('the same content that is put by many at once can be read', async () => {
  const bytes = randomBytes(400_000)
  const names = await Promise.all(Array.from({ length: 10 }, () => openBlobs(nc).put(bytes)))
  assert.equal(new Set(names).size, 1)
  assert.ok(Buffer.from(await blobs.get(names[0] as string)).equals(bytes))
})

test('a value travels in its message up to 256 KiB, and above by its name, stored first', async () => {
  const small = randomBytes(INLINE_LIMIT)
  assert.deepEqual(await blobs.toPayload(small), { inline: small })
  const large = randomBytes(INLINE_LIMIT + 1)
  const payload = await blobs.toPayload(large)
  assert.deepEqual(payload, { blob: hash('sha256', large), size: large.length })
  assert.ok(Buffer.from(await openBlobs(nc).fromPayload(payload)).equals(large))
  assert.ok(Buffer.from(await blobs.fromPayload({ inline: small })).equals(small))
})

test('what others read with the client library is the same', async () => {
  const bytes = randomBytes(700_000)
  const name = await blobs.put(bytes)
  const bucket = await new Objm(nc).open(BLOB_BUCKET)
  // It checks the digest.
  assert.ok(Buffer.from((await bucket.getBlob(name)) ?? []).equals(bytes))
  const info = await bucket.info(name)
  assert.deepEqual([info?.size, info?.chunks, info?.deleted], [700_000, 6, false])
})

test('a full store refuses clients by its name, and actors wait until there is room; neither leaves pieces behind', async () => {
  await using full = await withBroker()
  const bus = await full.connect('admin')
  const [client, worker] = [await full.connect('client'), await full.connect('worker')]
  const { jetstreamManager } = await import('@nats-io/jetstream')
  const { streams } = await jetstreamManager(bus.nc)
  const state = async () => (await streams.info(`OBJ_${BLOB_BUCKET}`)).state
  await streams.update(`OBJ_${BLOB_BUCKET}`, { max_bytes: 2_000_000 })
  const hasty = openBlobs(client.nc, { whenFull: 'throw' })
  const first = await hasty.put(randomBytes(1_200_000))
  const before = await state()
  const bytes = randomBytes(1_200_000)
  await assert.rejects(hasty.put(bytes), { code: 'STREAM_FULL', message: /OBJ_blobs is full.*qubus prune/ })
  await assert.rejects(hasty.get(hash('sha256', bytes)), { code: 'BLOB_MISSING' })
  // Two that want the same room, of which there is enough for one at a time.
  const patient = openBlobs(worker.nc)
  const both = [bytes, randomBytes(1_200_000)]
  let stored = 0
  const puts = both.map((each) => patient.put(each).finally(() => stored++))
  let looks = 0
  const said = bus.nc.subscribe(`$JS.API.STREAM.INFO.OBJ_${BLOB_BUCKET}`, {
    callback() {
      looks++
    },
  })
  await until('they have looked again', () => looks >= 4)
  said.unsubscribe()
  assert.deepEqual([stored, await state()], [0, before])
  const bucket = await new Objm(bus.nc).open(BLOB_BUCKET)
  await bucket.delete(first)
  await until('one of them to be stored', () => stored === 1)
  const one = await Promise.race(puts)
  assert.ok((await patient.get(one)).length === 1_200_000)
  await bucket.delete(one)
  const names = await Promise.all(puts)
  const other = names.find((name) => name !== one) ?? ''
  assert.ok((await patient.get(other)).length === 1_200_000)
  assert.equal(
    (await state()).num_subjects,
    4,
    'three entries, two of them of what was deleted, and pieces of one',
  )
  await assert.rejects(patient.put(randomBytes(2_000_001)), { code: 'STREAM_FULL', facts: { never: true } })
})

test('a broker that is killed meanwhile is waited for', async () => {
  await using killed = await withBroker()
  const bus = await killed.connect('worker')
  const theirs = openBlobs(bus.nc)
  const bytes = randomBytes(30_000_000)
  const put = theirs.put(bytes)
  await killed.kill()
  await killed.restart()
  const name = await put
  assert.ok(Buffer.from(await theirs.get(name)).equals(bytes))
})

test('a blob that is not there, or was deleted, is missing', async () => {
  await assert.rejects(blobs.get(hash('sha256', 'nobody')), { code: 'BLOB_MISSING' })
  const name = await blobs.put(randomBytes(1000))
  await (await new Objm(nc).open(BLOB_BUCKET)).delete(name)
  await assert.rejects(blobs.get(name), { code: 'BLOB_MISSING' })
})

test('a blob that was deleted can be put again', async () => {
  const bytes = randomBytes(1000)
  const name = await blobs.put(bytes)
  await (await new Objm(nc).open(BLOB_BUCKET)).delete(name)
  await blobs.put(bytes)
  assert.ok(Buffer.from(await blobs.get(name)).equals(bytes))
})

test('content that is not what its name says is found out', async () => {
  const bucket = await new Objm(nc).open(BLOB_BUCKET)
  const name = hash('sha256', 'what was meant')
  await bucket.putBlob({ name }, Buffer.from('something else'))
  await assert.rejects(blobs.get(name), { code: 'BLOB_CORRUPT' })
})

test('a blob that lost a part is found out', async () => {
  const bytes = randomBytes(1_000_000)
  const name = await blobs.put(bytes)
  const bucket = await new Objm(nc).open(BLOB_BUCKET)
  const { nuid } = (await bucket.info(name)) as unknown as { nuid: string }
  const { jetstreamManager } = await import('@nats-io/jetstream')
  await (await jetstreamManager(nc)).streams.purge(`OBJ_${BLOB_BUCKET}`, {
    filter: `$O.${BLOB_BUCKET}.C.${nuid}`,
    keep: 3,
  })
  await assert.rejects(blobs.get(name), { code: 'BLOB_CORRUPT' })
})

test('blobs can be used after a first try while the broker had no store', async () => {
  await using bare = await withBroker({ provision: false })
  const bus = await bare.connect('admin')
  const early = openBlobs(bus.nc)
  await assert.rejects(early.put(Buffer.from('x')))
  await new Objm(bus.nc).create(BLOB_BUCKET)
  const name = await early.put(Buffer.from('x'))
  assert.equal(Buffer.from(await early.get(name)).toString(), 'x')
})
