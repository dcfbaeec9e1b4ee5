/** A worker: runs classical tasks and programs of its pools on this node. */
import type { Actor, Running } from '#shared/actor/actor.ts'
import { openAsker } from '#shared/actor/ask-first.ts'
import { bundleCache } from '#shared/bundle/bundle-cache.ts'
import { backlogOf } from '#shared/bus/consumers.ts'
import { Puller } from '#shared/bus/puller.ts'
import { CONSUMER, HEARTBEAT_SECONDS, STREAM, WORKING_INTERVAL_SECONDS } from '#shared/contract/streams.ts'
import { filter, lastToken } from '#shared/contract/subjects.ts'
import type { WorkerArguments } from './arguments.ts'
import type { HeldTask } from './held-task.ts'
import { Slots } from './slots.ts'
import { openStepLog, type StepLog } from './step-log.ts'
import { TasksInHand } from './tasks-in-hand.ts'

/** Steps shorter than this are told of once, when they are done. */
const WORTH_TELLING_MS = 100
const LOOK_MS = 100

export async function startWorker(actor: Actor, { pools, slots: count }: WorkerArguments): Promise<Running> {
  for (const pool of pools) await waitForPool(actor, pool)
  const logs = actor.publisher({ stream: STREAM.logs, atomic: false, batchSize: 100 })
  // A task that was ended may say something still, after its end was recorded.
  const stepLogs = new WeakMap<HeldTask, StepLog>()
  const pullers: Puller[] = []
  const hand = new TasksInHand({
    actor,
    slots: count,
    ask: openAsker(actor.bus.nc),
    bundles: bundleCache(actor.blobs, actor.environment.paths.bundles, ''),
    // One batch at a time: what waits meanwhile makes the next one larger, and the broker's work is per batch.
    records: actor.publisher({ stream: STREAM.runs, batchSize: 900, batchesInFlight: 1 }),
    onRoom: () => {
      for (const puller of pullers) puller.more()
    },
  })
  const slots = new Slots({
    slots: count,
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
  })
  hand.connect(slots)
  for (const pool of pools) {
    pullers.push(
      new Puller(actor.bus, {
        stream: STREAM.tasks,
        consumer: CONSUMER.tasks(pool),
        // Several pools share the slots.
        credit: () => (actor.stopping.aborted ? 0 : hand.room),
        onBatch: (batch) => hand.accept(batch),
      }),
    )
  }
  using stack = new DisposableStack()
  const every = (seconds: number, act: () => void): void => {
    const timer = setInterval(act, seconds * 1000)
    stack.defer(() => clearInterval(timer))
  }
  every(WORKING_INTERVAL_SECONDS, () => {
    for (const task of hand) task.delivery.working()
  })
  // A lost `control` message costs no more than a heartbeat.
  every(HEARTBEAT_SECONDS, () => hand.askAgain({ olderMs: HEARTBEAT_SECONDS * 1000 }))
  every(LOOK_MS / 1000, () => {
    const now = Date.now()
    slots.enforceTimeouts(now)
    for (const { task, startedAt } of slots.running()) {
      if (task.announced || now - startedAt < WORTH_TELLING_MS) continue
      task.announced = true
      announce(actor, task, startedAt)
    }
  })
  const controls = actor.bus.nc.subscribe(filter.controls, {
    callback: (error, message) => {
      if (!error) hand.askAgain({ run: lastToken(message.subject) })
    },
  })
  stack.defer(() => controls.unsubscribe())
  const upkeep = stack.move()
  return {
    pools,
    async drain(deadline) {
      for (const puller of pullers) puller.stop()
      const late = (): void => hand.abandon('the worker ends')
      if (deadline.aborted) late()
      deadline.addEventListener('abort', late, { once: true })
      await hand.close()
      upkeep.dispose()
      await slots[Symbol.asyncDispose]()
    },
  }
}

function announce(actor: Actor, { id, command, pool }: HeldTask, startedAt: number): void {
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
      startedAt,
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
