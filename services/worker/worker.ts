/** A worker: runs classical tasks and programs of its pools on this node. */
import type { Actor, Running } from '#shared/actor/actor.ts'
import { openAsker } from '#shared/actor/ask-first.ts'
import { watchFreshness } from '#shared/actor/freshness.ts'
import { bundleCache } from '#shared/bundle/bundle-cache.ts'
import { backlogOf } from '#shared/bus/consumers.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { CONSUMER, HEARTBEAT_SECONDS, STREAM, WORKING_INTERVAL_SECONDS } from '#shared/contract/streams.ts'
import { filter, lastToken, subject } from '#shared/contract/subjects.ts'
import { findGpus, type Gpus } from '#shared/process/gpus.ts'
import type { WorkerArguments } from './arguments.ts'
import type { HeldTask } from './held-task.ts'
import { ShapeQueues } from './shape-queues.ts'
import { Slots } from './slots.ts'
import { openStepLog, type StepLog } from './step-log.ts'
import { TasksInHand } from './tasks-in-hand.ts'

/** Steps shorter than this are told of once, when they are done. */
const WORTH_TELLING_MS = 100
/** Outcomes of thousands of short tasks share a sync: a batch of 900 costs the broker half of what six of 150 do. */
const LINGER_MS = 20

export async function startWorker(actor: Actor, args: WorkerArguments): Promise<Running> {
  const { pools } = args
  for (const pool of pools) await waitForPool(actor, pool)
  const gpus = await gpusFor(actor, args)
  const memoryMiB = Math.floor(args.memoryBytes / 1024 ** 2)
  const logs = actor.publisher({ stream: STREAM.logs, atomic: false, batchSize: 100 })
  // A task that was ended may say something still, after its end was recorded.
  const stepLogs = new WeakMap<HeldTask, StepLog>()
  using stack = new DisposableStack()
  const fresh = stack.use(watchFreshness(actor.bus, STREAM.tasks))
  const hand = new TasksInHand({
    actor,
    fresh,
    ask: openAsker(actor.bus.nc),
    bundles: bundleCache(actor.blobs, actor.environment.paths.bundles, ''),
    // One batch at a time: what waits meanwhile makes the next one larger, and the broker's work is per batch.
    records: actor.publisher({
      stream: STREAM.runs,
      batchSize: 900,
      batchesInFlight: 1,
      lingerMs: LINGER_MS,
    }),
    onRoom: () => queues?.more(),
  })
  const slots = new Slots({
    stock: { cores: args.slots, memoryMiB, gpus: gpus.ids },
    gpuKind: gpus.kind,
    environment: actor.environment.forTasks,
    onExecuted(task, executed) {
      stepLogs.get(task)?.flush()
      hand.executed(task, executed)
    },
    onLog(task, lines) {
      let log = stepLogs.get(task)
      if (log === undefined) {
        log = openStepLog(logs, actor.id, task.id)
        stepLogs.set(task, log)
      }
      log.add(lines)
    },
    onRunning(task, forMs) {
      if (task.announced || forMs < WORTH_TELLING_MS) return
      task.announced = true
      announce(actor, task, forMs)
    },
    onRoom: () => queues?.more(),
  })
  hand.connect(slots)
  let queues: ShapeQueues | undefined
  queues = new ShapeQueues({
    bus: actor.bus,
    pools,
    roomFor: (shape) => (actor.stopping.aborted ? 0 : hand.roomFor(shape, slots.slotsFor(shape))),
    fitsEver: (shape) => slots.fitsEver(shape),
    onBatch: (batch) => hand.accept(batch),
    onStarving: (shape) => slots.keepRoomFor(shape),
  })
  const made = actor.bus.nc.subscribe(subject.queueMade('*'), { callback: () => queues?.look() })
  stack.defer(() => made.unsubscribe())
  const every = (seconds: number, act: () => void): void => {
    const timer = setInterval(act, seconds * 1000)
    stack.defer(() => clearInterval(timer))
  }
  every(WORKING_INTERVAL_SECONDS, () => {
    for (const task of hand) task.delivery.working()
  })
  // A lost `control` message costs no more than a heartbeat.
  every(HEARTBEAT_SECONDS, () => hand.askAgain({ olderMs: HEARTBEAT_SECONDS * 1000 }))
  const controls = actor.bus.nc.subscribe(filter.controls, {
    callback: (error, message) => {
      if (error) return
      const run = lastToken(message.subject)
      fresh.forget(run)
      hand.askAgain({ run })
    },
  })
  stack.defer(() => controls.unsubscribe())
  const upkeep = stack.move()
  return {
    pools,
    facts: () => ({ capacity: { cores: args.slots, memoryMiB, gpus: gpus.ids.length } }),
    async drain(deadline) {
      queues?.[Symbol.dispose]()
      const late = (): void => hand.abandon('the worker ends')
      if (deadline.aborted) late()
      deadline.addEventListener('abort', late, { once: true })
      await hand.close()
      upkeep.dispose()
      await slots[Symbol.asyncDispose]()
    },
  }
}

/** What the node has, or as many of them as were given. */
async function gpusFor(actor: Actor, { gpus: wanted }: WorkerArguments): Promise<Gpus> {
  if (wanted === 0) return { kind: undefined, ids: [] }
  const found = await findGpus(actor.environment.forTasks)
  if (wanted === 'auto') return found
  if (found.ids.length < wanted)
    throw new QubusError(
      'INVALID_OPTION',
      `--gpus ${wanted}: this node has ${found.ids.length} (by nvidia-smi or rocm-smi, within what the job may see)`,
    )
  return { kind: found.kind, ids: found.ids.slice(0, wanted) }
}

function announce(actor: Actor, { id, command, pool }: HeldTask, forMs: number): void {
  actor.emit({
    noun: 'step',
    verb: 'running',
    run: id.run,
    id: String(id.step),
    data: {
      step: id.step,
      attempt: id.attempt,
      name: command.label ?? command.name,
      kind: command.kind,
      pool,
      startedAt: Date.now() - forMs,
      forMs,
      node: actor.host,
      ...(actor.job === undefined ? {} : { job: actor.job }),
    },
  })
}

/** A pool's queue is made by the allocator, which knows the cluster. */
async function waitForPool(actor: Actor, pool: string): Promise<void> {
  for (let looks = 0; !actor.stopping.aborted; looks++) {
    const backlog = await backlogOf(actor.bus.nc, STREAM.tasks, CONSUMER.tasks(pool)).catch(() => undefined)
    if (backlog !== undefined) return
    if (looks % 20 === 0)
      actor.log.warn(
        { pool },
        'waiting for the queue of this pool: the allocator makes it, if the cluster file has the pool',
      )
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
}
