import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { jetstreamManager } from '@nats-io/jetstream'
import type { BrokerUser } from '#infra/broker/permissions.ts'
import { openBlobs } from '#shared/bus/blobs.ts'
import type { Bus } from '#shared/bus/connect.ts'
import { backlogOf, ensureConsumer } from '#shared/bus/consumers.ts'
import type { Delivery } from '#shared/bus/delivery.ts'
import { readAll, readLast, readLastOf } from '#shared/bus/direct.ts'
import { openFeed } from '#shared/bus/feed.ts'
import { Puller } from '#shared/bus/puller.ts'
import { readRegistry } from '#shared/bus/registry.ts'
import { CONSUMER, STREAM, type StreamName } from '#shared/contract/streams.ts'
import { filter, record, subject } from '#shared/contract/subjects.ts'
import { type TestBroker, withBroker } from '../support/with-broker.ts'

let broker: TestBroker
const buses = new Map<BrokerUser, Bus>()

before(async () => {
  broker = await withBroker()
})
after(() => broker[Symbol.asyncDispose]())

async function as(user: BrokerUser): Promise<Bus> {
  const known = buses.get(user) ?? (await broker.connect(user))
  buses.set(user, known)
  return known
}

const DENIED = /[Pp]ermissions? [Vv]iolation/
const STEP = { run: 'r1', step: 1, attempt: 1 }
const json = (value: unknown) => JSON.stringify(value)
const pushConsumer = (stream: string) =>
  json({
    stream_name: stream,
    config: { name: 'sly', deliver_subject: record('r1').completed, ack_policy: 'none' },
    action: 'create',
  })

type Refused = [user: BrokerUser, what: string, subject: string, body?: string]

const REFUSED: Refused[] = [
  ['worker', 'publishes a task', subject.task('cpu', STEP)],
  ['worker', 'completes a run', record('r1').completed],
  ['worker', 'requests a run', subject.request('r1')],
  ['worker', 'cancels a run', record('r1').cancel],
  ['worker', 'makes a consumer of tasks', '$JS.API.CONSUMER.CREATE.TASKS.sly', pushConsumer('TASKS')],
  ['worker', 'makes a consumer of blobs', '$JS.API.CONSUMER.CREATE.OBJ_blobs.sly', pushConsumer('OBJ_blobs')],
  [
    'worker',
    'makes a consumer the old way',
    '$JS.API.CONSUMER.DURABLE.CREATE.TASKS.sly',
    pushConsumer('TASKS'),
  ],
  ['worker', 'pulls circuits', '$JS.API.CONSUMER.MSG.NEXT.CIRCUITS.device-d', '1'],
  ['worker', 'purges the log of a run', '$JS.API.STREAM.PURGE.RUNS'],
  ['worker', 'deletes a stream', '$JS.API.STREAM.DELETE.RUNS'],
  ['worker', 'deletes a blob', '$JS.API.STREAM.PURGE.OBJ_blobs'],
  ['vqpu', 'makes a consumer of circuits', '$JS.API.CONSUMER.CREATE.CIRCUITS.sly', pushConsumer('CIRCUITS')],
  ['vqpu', 'publishes a circuit', subject.circuit('d', STEP)],
  ['vqpu', 'takes tasks', '$JS.API.CONSUMER.MSG.NEXT.TASKS.pool-cpu', '1'],
  ['viewer', 'makes a consumer of events', '$JS.API.CONSUMER.CREATE.EVENTS.sly', pushConsumer('EVENTS')],
  ['viewer', 'publishes an event', subject.event('run', 'completed', 'r1', 'r1')],
  ['viewer', 'requests a run', subject.request('r1')],
  [
    'viewer',
    'reads the log of a run',
    '$JS.API.DIRECT.GET.RUNS',
    json({ last_by_subj: record('r1').requested }),
  ],
  ['viewer', 'puts a blob', '$O.blobs.C.x'],
  ['client', 'completes a run', record('r1').completed],
  ['client', 'writes an outcome', record('r1').outcome(1)],
  ['client', 'publishes a task', subject.task('cpu', STEP)],
  ['client', 'purges the log of a run', '$JS.API.STREAM.PURGE.RUNS'],
  ['client', 'makes a consumer of tasks', '$JS.API.CONSUMER.CREATE.TASKS.sly', pushConsumer('TASKS')],
  ['submitter', 'publishes a task', subject.task('cpu', STEP)],
  ['submitter', 'completes a run', record('r1').completed],
  ['allocator', 'completes a run', record('r1').completed],
  ['allocator', 'takes flow requests', '$JS.API.CONSUMER.MSG.NEXT.FLOWS.flows-1', '1'],
  ['results', 'writes an outcome', record('r1').outcome(1)],
  ['coordinator', 'changes a stream', '$JS.API.STREAM.UPDATE.RUNS', '{}'],
  ['coordinator', 'purges the log of a run', '$JS.API.STREAM.PURGE.RUNS'],
]

for (const [user, what, to, body] of REFUSED) {
  test(`${user} is refused when it ${what}`, async () => {
    const { nc } = await as(user)
    await assert.rejects(nc.request(to, body ?? '', { timeout: 10_000 }), DENIED)
  })
}

for (const [user, what, to] of [
  ['worker', "another's inbox", '_INBOX_client.>'],
  ['worker', 'everything', '>'],
  ['viewer', 'the log of runs', filter.runs],
  ['viewer', "programs' output", filter.logs],
  ['client', 'tasks as they are published', filter.tasks],
] as const) {
  test(`${user} may not listen to ${what}`, async () => {
    const { nc } = await as(user)
    const refused = new Promise((resolve) => nc.subscribe(to, { callback: (error) => resolve(error) }))
    assert.match(String(await refused), DENIED)
  })
}

test('a run goes its way with what each actor may do', async () => {
  const coordinator = await as('coordinator')
  const allocator = await as('allocator')
  const worker = await as('worker')
  await ensureConsumer(coordinator.nc, STREAM.flows, CONSUMER.flows(3), filter.flows(3))
  await ensureConsumer(allocator.nc, STREAM.tasks, CONSUMER.tasks('cpu'), filter.poolTasks('cpu'))
  const records = received(coordinator, STREAM.runs)
  await records.feed.ready
  await store(coordinator, record('r2').requested)
  await store(coordinator, subject.task('cpu', { run: 'r2', step: 1, attempt: 1 }))
  const taken = await take(worker, STREAM.tasks, CONSUMER.tasks('cpu'))
  assert.equal(taken.subject, subject.task('cpu', { run: 'r2', step: 1, attempt: 1 }))
  const [requested] = await readLastOf(worker.nc, STREAM.runs, [
    record('r2').requested,
    record('r2').completed,
  ])
  assert.equal(requested?.subject, record('r2').requested)
  await store(worker, record('r2').outcome(1))
  taken.ack()
  await records.until(record('r2').outcome(1))
  await store(coordinator, record('r2').completed)
  records.feed.stop()
  assert.deepEqual(await backlogOf(allocator.nc, STREAM.tasks, CONSUMER.tasks('cpu')), {
    waiting: 0,
    running: 0,
  })
})

test('a circuit goes its way with what each actor may do', async () => {
  const submitter = await as('submitter')
  const vqpu = await as('vqpu')
  await ensureConsumer(submitter.nc, STREAM.submissions, CONSUMER.submissions, filter.submissions)
  await ensureConsumer(
    (await as('allocator')).nc,
    STREAM.circuits,
    CONSUMER.circuits('d'),
    filter.deviceCircuits('d'),
  )
  const id = { run: 'r3', step: 1, attempt: 1 }
  await store(await as('coordinator'), subject.submission(id))
  const submission = await take(submitter, STREAM.submissions, CONSUMER.submissions)
  await store(submitter, record('r3').route(1, 1))
  await store(submitter, subject.circuit('d', id))
  submission.ack()
  const circuit = await take(vqpu, STREAM.circuits, CONSUMER.circuits('d'))
  await store(vqpu, record('r3').outcome(1))
  circuit.ack()
})

for (const user of [
  'coordinator',
  'allocator',
  'worker',
  'submitter',
  'vqpu',
  'results',
  'client',
] as const) {
  test(`${user} puts and gets blobs and reads the registry`, async () => {
    const { nc } = await as(user)
    const blobs = openBlobs(nc)
    const bytes = new Uint8Array(3_000_000).fill(user.length)
    const name = await blobs.put(bytes)
    assert.equal(await blobs.put(bytes), name)
    assert.ok(Buffer.from(bytes).equals(await blobs.get(name)))
    await readRegistry(nc)
    nc.publish(subject.control('r1'))
    await nc.flush()
  })
}

test('results follows and purges, a client follows, cancels and asks', async () => {
  const results = await as('results')
  const client = await as('client')
  await store(client, record('r4').cancel)
  const pages = await Array.fromAsync(readAll(client.nc, STREAM.runs, record('r4').all))
  assert.equal(pages.flat().length, 1)
  const seen = received(client, STREAM.runs, record('r4').all, 1)
  await seen.until(record('r4').cancel)
  seen.feed.stop()
  const purged = await results.nc.request('$JS.API.STREAM.PURGE.RUNS', json({ filter: record('r4').all }))
  assert.equal(JSON.parse(purged.string()).purged, 1)
  assert.equal(await readLast(client.nc, STREAM.runs, record('r4').cancel), undefined)
  results.nc.subscribe(filter.queries, { callback: (_error, message) => void message.respond('answer') })
  await results.nc.flush()
  assert.equal((await client.nc.request(subject.query('runs'), '')).string(), 'answer')
  await store(client, subject.request('r4'))
})

test('a viewer sees events, live and stored', async () => {
  const viewer = await as('viewer')
  const live = new Promise<string>((resolve) =>
    viewer.nc.subscribe(filter.events, { callback: (_error, message) => resolve(message.subject) }),
  )
  await viewer.nc.flush()
  const told = subject.event('run', 'completed', 'r5', 'r5')
  await store(await as('coordinator'), told)
  assert.equal(await live, told)
  assert.equal((await readLast(viewer.nc, STREAM.events, told))?.subject, told)
})

test('admin may do everything', async () => {
  const manager = await jetstreamManager((await as('admin')).nc, { checkAPI: false })
  assert.ok((await manager.streams.names().next()).length >= 10)
})

async function store(bus: Bus, to: string): Promise<void> {
  const reply = JSON.parse((await bus.nc.request(to, 'x', { timeout: 10_000 })).string())
  assert.equal(reply.error, undefined, `${to}: ${json(reply)}`)
}

function take(bus: Bus, stream: StreamName, consumer: string): Promise<Delivery> {
  return new Promise((resolve) => {
    let left = 1
    const puller = new Puller(bus, {
      stream,
      consumer,
      credit: () => left,
      onBatch(batch) {
        left = 0
        setImmediate(() => puller.stop())
        resolve(batch[0] as Delivery)
      },
    })
  })
}

function received(bus: Bus, stream: StreamName, only: string = filter.runs, from: number | 'new' = 'new') {
  const seen = new Set<string>()
  let look = () => {}
  const feed = openFeed(bus, {
    stream,
    filters: [only],
    from,
    onBatch(batch) {
      for (const { subject: each } of batch) seen.add(each)
      look()
    },
  })
  const until = (wanted: string) =>
    new Promise<void>((resolve) => {
      look = () => {
        if (seen.has(wanted)) resolve()
      }
      look()
    })
  return { feed, until }
}
