/** Puts together what the runs of a coordinator share, on a real bus. */
import type { Actor } from '#shared/actor/actor.ts'
import { bundleCache } from '#shared/bundle/bundle-cache.ts'
import { CommandSender } from '#shared/bus/command-sender.ts'
import { readLast } from '#shared/bus/direct.ts'
import type { Draft, Publisher } from '#shared/bus/publisher.ts'
import { type RegistryView, watchRegistry } from '#shared/bus/registry.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { subject } from '#shared/contract/subjects.ts'
import { encode } from '#shared/wire/message.ts'
import { type BrokerClock, brokerClock } from './broker-clock.ts'
import { openCommands } from './commands.ts'
import type { CoordinatorContext } from './context.ts'
import { Gate } from './limits/gate.ts'
import { Queues } from './queues/queues.ts'
import { openTaskCache } from './reuse/task-cache.ts'
import { runStore } from './run-store.ts'
import { openSignals } from './signals.ts'
import { drainDevice } from './steps/drain-device.ts'
import { shapeOf } from './steps/step-drafts.ts'
import type { FlowThreads } from './thread/flow-threads.ts'
import { Lanes } from './turns/lanes.ts'

export type OpenContextOptions = {
  actor: Actor
  threads: FlowThreads
  leaseHolds(): boolean
  /** The registry says something new. */
  onRegistry(view: RegistryView): void
}

export type OpenContext = Disposable & {
  context: CoordinatorContext
  registry: RegistryView & { ready: Promise<void> }
  gate: Gate
  requests: Publisher
  clock: BrokerClock
}

export function openContext({ actor, threads, leaseHolds, onRegistry }: OpenContextOptions): OpenContext {
  const { nc } = actor.bus
  using stack = new DisposableStack()
  const clock = stack.use(brokerClock(nc))
  const senderTo = (stream: 'TASKS' | 'SUBMISSIONS' | 'PERMITS') =>
    stack.adopt(new CommandSender(nc, stream), (sender) => sender.close())
  const senders = {
    tasks: senderTo(STREAM.tasks),
    submissions: senderTo(STREAM.submissions),
    permits: senderTo(STREAM.permits),
  }
  const requests = actor.publisher({ stream: STREAM.flows, atomic: false, batchSize: 100 })
  const allocations = actor.publisher({ stream: STREAM.allocations })
  const logs = actor.publisher({ stream: STREAM.logs, atomic: false, batchSize: 200 })
  const registry = stack.use(
    watchRegistry(actor.bus, (view) => {
      lanes.look()
      onRegistry(view)
    }),
  )
  const sendTo = (stream: string, draft: Draft): void => {
    if (stream === STREAM.tasks) senders.tasks.send(draft)
    else if (stream === STREAM.submissions) senders.submissions.send(draft)
    else if (stream === STREAM.permits) senders.permits.send(draft)
    else void requests.create(draft).catch(() => {})
  }
  const gate = stack.use(new Gate({ actor, send: sendTo, onChange: () => lanes.look() }))
  const queues = new Queues(actor, registry, gate)
  const lanes: Lanes = new Lanes({
    clock,
    placesOf(lane) {
      const [kind, target = '', shape = ''] = lane.split(' ')
      if (kind === 'task') return queues.placesOf(target, shape)
      return kind === 'limit' ? gate.placesOf(target) : queues.hostsOf(target)
    },
  })
  const context: CoordinatorContext = {
    id: actor.id,
    host: actor.host,
    warn: (facts, text) => actor.log.warn(facts, text),
    emit: actor.emit,
    clock,
    store: runStore(nc, actor.publisher({ stream: STREAM.runs, batchSize: 400 })),
    blobs: actor.blobs,
    threads,
    bundles: bundleCache(
      actor.blobs,
      actor.environment.paths.bundles,
      new URL('./builtin/flows.ts', import.meta.url).pathname,
    ),
    commands: openCommands({
      find: (stream, at) => readLast(nc, stream, at),
      blobs: actor.blobs,
      ...senders,
      allocations,
      requests,
    }),
    queues,
    lanes,
    signals: stack.use(openSignals(actor)),
    cache: openTaskCache(nc),
    log: (draft) => void logs.create(draft).catch(() => {}),
    control(run, steps) {
      try {
        nc.publish(subject.control(run), encode(steps === undefined ? {} : { steps }))
      } catch {}
    },
    drainDevice: (device, wanted) => drainDevice(nc, device, wanted),
    why(step, pool) {
      if (step.phase !== 'commanded' && step.phase !== 'turn') return undefined
      const { limits = [] } = step.policy
      if (limits.length > 0 && !step.admitted)
        return `waits for ${limits.map((each) => `limit ${each} (${gate.takenOf(each)} of ${gate.placesOf(each) ?? 0} places taken)`).join(', ')}`
      return step.kind === 'task' || step.kind === 'program'
        ? queues.whyNotServed(pool, shapeOf(step))
        : undefined
    },
    lives: (id) => registry.actors.has(id),
    leaseHolds,
  }
  const kept = stack.move()
  return { context, registry, gate, requests, clock, [Symbol.dispose]: () => kept.dispose() }
}
