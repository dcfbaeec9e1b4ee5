import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { NatsConnection } from '@nats-io/transport-node'
import { putEntry, readRegistry, watchRegistry } from '#shared/bus/registry.ts'
import { type ActorEntry, registryKey, type VqpuEntry } from '#shared/contract/registry.ts'
import { REGISTRY_TTL_SECONDS } from '#shared/contract/streams.ts'
import { atEndOfFile } from '../support/leaks.ts'
import { until } from '../support/until.ts'
import { withBroker } from '../support/with-broker.ts'

const broker = await withBroker()
atEndOfFile(() => broker[Symbol.asyncDispose]())
const bus = await broker.connect('admin')

const actor = (id: string, more: Partial<ActorEntry> = {}): ActorEntry => ({
  name: 'worker',
  id,
  pid: 1,
  host: 'n1',
  state: 'ready',
  startedAt: 1,
  version: '0',
  ...more,
})

const vqpu = (id: string): VqpuEntry => ({
  id,
  engine: 'embedded',
  engineVersion: '1',
  state: 'ready',
  actor: 'a',
  host: 'n1',
  pid: 1,
  maxQubits: 20,
  methods: [],
  gates: 'any',
  languages: ['openqasm2'],
  queued: 0,
  running: 0,
  done: 0,
  startedAt: 1,
})

const put = (entry: ActorEntry, nc: NatsConnection = bus.nc) =>
  putEntry(nc, registryKey.actor(entry.id), entry)

function every(ms: number, what: () => void): Disposable {
  const timer = setInterval(what, ms)
  return { [Symbol.dispose]: () => clearInterval(timer) }
}

test('entries are listed by what they are, the last of each', async () => {
  put(actor('listed', { state: 'starting' }))
  put(actor('listed'))
  putEntry(bus.nc, registryKey.vqpu('run1-vqpu-1'), vqpu('run1-vqpu-1'))
  const view = await until('they are there', async () => {
    const view = await readRegistry(bus.nc)
    return view.vqpus.size > 0 && view
  })
  assert.deepEqual(view.actors.get('listed'), actor('listed'))
  assert.deepEqual(view.vqpus.get('run1-vqpu-1'), vqpu('run1-vqpu-1'))
})

test('garbage under a key of the registry is no entry, and harms no other', async () => {
  bus.nc.publish('$KV.registry.actor.garbage', Buffer.from([0xc1, 0xff]))
  bus.nc.publish('$KV.registry.actor.foreign', Buffer.from([0x81, 0xa1, 0x61, 0x01]))
  bus.nc.publish('$KV.registry.other.x', Buffer.from('x'))
  put(actor('sane'))
  const view = await until('it is there', async () => {
    const view = await readRegistry(bus.nc)
    return view.actors.has('sane') && view
  })
  assert.equal(view.actors.has('garbage') || view.actors.has('foreign'), false)
})

test('a watch sees what is there, what is new, what changed, and what was removed', async () => {
  put(actor('there'))
  let changes = 0
  using watch = watchRegistry(bus, () => changes++)
  await watch.ready
  await until('it is there', () => watch.actors.has('there'))
  put(actor('new'))
  await until('the new one is seen', () => watch.actors.has('new'))
  put(actor('new', { state: 'draining' }))
  await until('the change is seen', () => watch.actors.get('new')?.state === 'draining')
  bus.nc.publish('$KV.registry.actor.new', '')
  await until('it is gone', () => !watch.actors.has('new'))
  assert.ok(changes >= 4)
})

test('a watch that is disposed of hears nothing more', async () => {
  let changes = 0
  const watch = watchRegistry(bus, () => changes++)
  await watch.ready
  watch[Symbol.dispose]()
  const before = changes
  put(actor('unheard'))
  await until('it is there', async () => (await readRegistry(bus.nc)).actors.has('unheard'))
  assert.equal(changes, before)
})

test('1,500 actors are all listed', async () => {
  using renewing = every(3000, () => {
    for (let i = 0; i < 1500; i++) put(actor(`many-${i}`))
  })
  void renewing
  for (let i = 0; i < 1500; i++) put(actor(`many-${i}`))
  const many = (view: { actors: Map<string, unknown> }) =>
    [...view.actors.keys()].filter((id) => id.startsWith('many-')).length
  await until('they are listed', async () => many(await readRegistry(bus.nc)) === 1500)
  using watch = watchRegistry(bus, () => {})
  await watch.ready
  assert.equal(many(watch), 1500)
})

test('an entry that is not renewed is gone from lists and watches; one that is renewed stays', async () => {
  put(actor('silent'))
  put(actor('lively'))
  using renewing = every(1000, () => put(actor('lively')))
  void renewing
  using watch = watchRegistry(bus, () => {})
  await until('both are there', () => watch.actors.has('silent') && watch.actors.has('lively'))
  await until(
    'the silent one is gone from the list',
    async () => !(await readRegistry(bus.nc)).actors.has('silent'),
  )
  await until('and from the watch', () => !watch.actors.has('silent'))
  assert.ok(watch.actors.has('lively'))
  assert.ok((await readRegistry(bus.nc)).actors.has('lively'))
})

test('an entry whose time ran out while the broker was away is gone afterwards, and new ones are seen', async () => {
  await using away = await withBroker()
  const theirs = await away.connect('admin')
  using watch = watchRegistry(theirs, () => {})
  put(actor('gone'), theirs.nc)
  await until(
    'it is there',
    async () => watch.actors.has('gone') && (await readRegistry(theirs.nc)).actors.has('gone'),
  )
  await away.kill()
  // Nothing tells that an entry's time has run out on a broker that does not run.
  await pause(REGISTRY_TTL_SECONDS * 1000 + 200)
  await away.restart()
  await until('it is gone from the watch', () => !watch.actors.has('gone'))
  assert.equal((await readRegistry(theirs.nc)).actors.has('gone'), false)
  put(actor('back'), theirs.nc)
  await until('a new one is seen', () => watch.actors.has('back'))
})
