import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { consumerNames, ensureConsumer } from '#shared/bus/consumers.ts'
import type { RegistryView } from '#shared/bus/registry.ts'
import type { ActorEntry, VqpuEntry } from '#shared/contract/registry.ts'
import { CONSUMER, STREAM } from '#shared/contract/streams.ts'
import { filter, subject } from '#shared/contract/subjects.ts'
import type { StepPolicy } from '#shared/flow/runtime.ts'
import { Gate } from '../../../services/coordinator/limits/gate.ts'
import { Queues } from '../../../services/coordinator/queues/queues.ts'
import { PendingStep } from '../../../services/coordinator/steps/pending-step.ts'
import { bareActor } from '../../support/bare-actor.ts'
import { atEndOfFile } from '../../support/leaks.ts'
import { until } from '../../support/until.ts'
import { withBroker } from '../../support/with-broker.ts'

const broker = await withBroker()
atEndOfFile(() => broker[Symbol.asyncDispose]())
const bus = await broker.connect('admin')
const actor = bareActor(broker, bus, 'coordinator', 'one')

const made = (pool: string): Promise<void> =>
  ensureConsumer(bus.nc, STREAM.tasks, CONSUMER.tasks(pool), filter.poolTasks(pool))

const step = (policy: StepPolicy = {}, kind: 'task' | 'circuit' = 'task') =>
  new PendingStep({ step: 1, kind, name: 'x', digest: 'd', value: new Uint8Array(), policy }, 0, () => {})

const entry = (more: Partial<ActorEntry>): ActorEntry => ({
  name: 'worker',
  id: 'w',
  pid: 1,
  host: 'h',
  state: 'ready',
  startedAt: 0,
  version: '0',
  ...more,
})

function open(actors: Partial<ActorEntry>[] = [], vqpus: Partial<VqpuEntry>[] = []) {
  const view: RegistryView = {
    actors: new Map(actors.map((each, i) => [`${i}`, entry(each)])),
    vqpus: new Map(vqpus.map((each, i) => [`${i}`, { state: 'ready', ...each } as VqpuEntry])),
  }
  const gate = new Gate({ actor, send() {}, onChange() {} })
  return Object.assign(new Queues(actor, view, gate), { [Symbol.dispose]: () => gate[Symbol.dispose]() })
}

const ALLOCATOR: Partial<ActorEntry> = { name: 'allocator' }

describe('the queue of a step', () => {
  it('that is there is found once, and known from then on', async () => {
    await made('cpu')
    using queues = open([ALLOCATOR])
    assert.equal(await queues.prepare(step(), 'cpu'), undefined)
    assert.equal(queues.prepare(step(), 'cpu'), undefined)
    assert.equal(queues.prepare(step({}, 'circuit'), 'nowhere'), undefined, 'circuits have none of a pool')
  })

  it('of a shape that nobody asked for before is made, and those who serve the pool are told', async () => {
    await made('gpu')
    using queues = open([ALLOCATOR])
    let told = 0
    bus.nc.subscribe(subject.queueMade('gpu'), { callback: () => void told++ })
    await bus.nc.flush()
    assert.equal(await queues.prepare(step({ shape: 'c4m1024g1' }), 'gpu'), undefined)
    assert.ok((await consumerNames(bus.nc, STREAM.tasks)).includes(CONSUMER.tasks('gpu', 'c4m1024g1')))
    await until('the word', () => told > 0)
    assert.equal(queues.prepare(step({ shape: 'c4m1024g1' }), 'gpu'), undefined)
  })

  it('of a pool that the cluster does not have is UNKNOWN_POOL, with those that there are', async () => {
    await made('cpu')
    using queues = open([ALLOCATOR])
    const wrong = await queues.prepare(step({ shape: 'c2' }), 'cqu')
    assert.equal(wrong?.code, 'UNKNOWN_POOL')
    assert.match(wrong?.message ?? '', /"cqu".*there is: cpu/)
    assert.doesNotMatch(wrong?.message ?? '', /@/)
  })

  it('is waited for as long as no allocator is there to make it', async () => {
    using queues = open([{ name: 'allocator', state: 'starting' }])
    assert.equal(await queues.prepare(step(), 'later'), undefined)
  })

  it('of a limit that nobody set is UNKNOWN_LIMIT, with how to set it', async () => {
    await made('cpu')
    using queues = open([ALLOCATOR])
    const wrong = await queues.prepare(step({ limits: ['licence'] }), 'cpu')
    assert.equal(wrong?.code, 'UNKNOWN_LIMIT')
    assert.match(wrong?.message ?? '', /"licence".*qubus limit set licence N.*none/)
    await ensureConsumer(bus.nc, STREAM.permits, CONSUMER.limit('licence'), filter.limitPermits('licence'), 2)
    assert.equal(await queues.prepare(step({ limits: ['licence'] }), 'cpu'), undefined)
  })
})

describe('the places of a pool', () => {
  const worker = (cores: number, memoryMiB: number, gpus: number, more: Partial<ActorEntry> = {}) => ({
    pools: ['cpu'],
    capacity: { cores, memoryMiB, gpus },
    ...more,
  })

  for (const [what, shape, workers, expected] of [
    ['are unknown where nobody serves it', 'c1', [], undefined],
    ['are those of another pool nowhere', 'c1', [worker(8, 0, 0, { pools: ['gpu'] })], undefined],
    ['are not those of a worker that drains', 'c1', [worker(8, 0, 0, { state: 'draining' })], undefined],
    ['are the cores of all its workers', 'c1', [worker(8, 0, 0), worker(4, 0, 0)], 12],
    ['are whole tasks on each worker', 'c3', [worker(8, 0, 0), worker(4, 0, 0)], 3],
    ['are bound by memory', 'c1m4096', [worker(8, 10_000, 0)], 2],
    ['are bound by GPUs', 'c1g2', [worker(8, 10_000, 5)], 2],
    ['are none where no worker is large enough', 'c16', [worker(8, 0, 0)], 0],
    ['are none for a shape that this version does not know', 'x1', [worker(8, 0, 0)], 0],
  ] as const)
    it(what, () => {
      using queues = open([...workers])
      assert.equal(queues.placesOf('cpu', shape), expected)
    })

  it('that are none say what no worker has', () => {
    using queues = open([worker(8, 1000, 0)])
    assert.equal(queues.whyNotServed('cpu', 'c1'), undefined)
    assert.match(
      queues.whyNotServed('cpu', 'c2m4096g1') ?? '',
      /no worker there has 2 cores, 4096 MiB, 1 GPUs/,
    )
    assert.match(queues.whyNotServed('gpu', 'c1') ?? '', /no worker serves it now/)
  })
})

describe('the vQPUs that take circuits for a device', () => {
  const vqpus: Partial<VqpuEntry>[] = [
    { id: 'vqpu-1', pool: 'vqpu' },
    { id: 'vqpu-2', pool: 'vqpu', state: 'starting' },
    { id: 'run-vqpu-1' },
    { id: 'big-1', pool: 'big' },
  ]
  for (const [device, expected] of [
    ['any', 2],
    ['vqpu', 1],
    ['pool-big', 1],
    ['run-vqpu-1', 1],
    ['vqpu-2', undefined],
    ['ionq', undefined],
  ] as const)
    it(`${device}: ${expected ?? 'none is known'}`, () => {
      using queues = open([], vqpus)
      assert.equal(queues.hostsOf(device), expected)
    })
})
