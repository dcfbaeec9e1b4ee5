/** The coordinator: takes flow requests, holds their runs, and feeds each what its log says. */
import type { Actor, Running } from '#shared/actor/actor.ts'
import { bundleCache } from '#shared/bundle/bundle-cache.ts'
import { ensureConsumer } from '#shared/bus/consumers.ts'
import type { Delivery } from '#shared/bus/delivery.ts'
import { openFeed } from '#shared/bus/feed.ts'
import { Puller } from '#shared/bus/puller.ts'
import { isRetryable } from '#shared/contract/errors.ts'
import { toFailure } from '#shared/contract/failure.ts'
import { SHARDS } from '#shared/contract/ids.ts'
import { CONSUMER, STREAM } from '#shared/contract/streams.ts'
import { filter, lastToken } from '#shared/contract/subjects.ts'
import { acceptRequest } from './accept-request.ts'
import { ActiveRun } from './active-run.ts'
import type { CoordinatorContext } from './context.ts'
import { type EarlyCancels, earlyCancels } from './early-cancels.ts'
import { answerInspections, hearRunning } from './inspect.ts'
import { keepLease } from './lease.ts'
import { fromDelivery } from './log-record.ts'
import { FlowThreads, type FlowThreadsOptions } from './thread/flow-threads.ts'

const MAX_RUNS = 1000
const PREFETCH = 64
const PROGRESS_MS = 250
const GIVE_UP_AFTER = 20

/** How long flow code may keep its thread: for tests, which can't wait that long. */
export type CoordinatorOptions = Pick<FlowThreadsOptions, 'stuckMs' | 'giveUpMs'>

export async function startCoordinator(actor: Actor, options: CoordinatorOptions = {}): Promise<Running> {
  const { bus } = actor
  const runs = new Map<string, ActiveRun>()
  /** Requests that are being accepted. */
  const accepting = new Map<string, Delivery>()

  const threads = new FlowThreads({
    ...options,
    environment: actor.environment.forTasks,
    onMessage: (key, message) => runs.get(runOf(key))?.onMessage(message),
    onMoved: (keys, culprit, why) => {
      for (const key of keys) {
        const run = runs.get(runOf(key))
        if (run?.key === key) run.moved(key === culprit, why)
      }
    },
  })
  const lease = keepLease(
    actor,
    function* () {
      for (const run of runs.values()) yield run.delivery
      yield* accepting.values()
    },
    () => {
      for (const run of [...runs.values()]) run.abandon()
      accepting.clear()
    },
  )
  const context: CoordinatorContext = {
    actor,
    threads,
    bundles: bundleCache(
      actor.blobs,
      actor.environment.paths.bundles,
      new URL('./builtin/flows.ts', import.meta.url).pathname,
    ),
    runs: actor.publisher({ stream: STREAM.runs, batchSize: 200 }),
    tasks: actor.publisher({ stream: STREAM.tasks }),
    submissions: actor.publisher({ stream: STREAM.submissions }),
    allocations: actor.publisher({ stream: STREAM.allocations }),
    requests: actor.publisher({ stream: STREAM.flows, atomic: false, batchSize: 100 }),
    logs: actor.publisher({ stream: STREAM.logs, atomic: false, batchSize: 200 }),
    leaseHolds: () => lease.holds(),
  }

  let cancels = earlyCancels(Number.POSITIVE_INFINITY)
  const feed = openFeed(bus, {
    stream: STREAM.runs,
    filters: [filter.runs],
    from: 'new',
    onBatch(batch) {
      for (const delivery of batch) dispatch(actor, runs, cancels, delivery)
    },
  })
  await feed.ready
  cancels = earlyCancels(Date.now())

  const take = (delivery: Delivery): void => {
    const run = lastToken(delivery.subject)
    const held = runs.get(run)
    if (held) {
      // Delivered again to its holder: after a broker restart, the old delivery means nothing.
      held.delivery = delivery
      return
    }
    if (accepting.has(run)) return void accepting.set(run, delivery)
    accepting.set(run, delivery)
    void accept(run, delivery).finally(() => {
      accepting.delete(run)
      for (const puller of pullers) puller.more()
    })
  }

  const accept = async (run: string, delivery: Delivery): Promise<void> => {
    try {
      const accepted = await acceptRequest(context, run, delivery)
      if (accepting.get(run) === undefined) return
      const active = new ActiveRun({
        context,
        run,
        requested: accepted.requested,
        delivery: accepting.get(run) ?? delivery,
        onGone(gone) {
          runs.delete(gone)
          for (const puller of pullers) puller.more()
        },
      })
      runs.set(run, active)
      if (accepted.refusal) await active.refuse(accepted.refusal)
      else await active.begin(accepted.fresh && !cancels.possible(run, delivery))
    } catch (error) {
      // A run that did not begin must not be held: its request goes back.
      runs.get(run)?.abandon()
      await refuseRequest(actor, run, delivery, error)
    }
  }

  for (let shard = 0; shard < SHARDS; shard++) {
    await ensureConsumer(bus.nc, STREAM.flows, CONSUMER.flows(shard), filter.flows(shard))
  }
  const pullers = Array.from({ length: SHARDS }, (_, shard) => {
    return new Puller(bus, {
      stream: STREAM.flows,
      consumer: CONSUMER.flows(shard),
      credit: () => (actor.stopping.aborted ? 0 : Math.min(PREFETCH, MAX_RUNS - runs.size - accepting.size)),
      onBatch: (batch) => batch.forEach(take),
    })
  })

  const hearing = hearRunning(actor, runs)
  const inspecting = answerInspections(actor, runs)
  const progress = setInterval(() => {
    for (const run of runs.values()) run.reportProgress()
  }, PROGRESS_MS)

  return {
    // Runs need no end here: their requests go back, and another coordinator takes them over from the log.
    async drain() {
      for (const puller of pullers) puller.stop()
      clearInterval(progress)
      hearing.unsubscribe()
      inspecting.unsubscribe()
      feed.stop()
      const held = [...runs.values()]
      for (const run of held) {
        const { delivery } = run
        run.abandon()
        delivery.nak()
      }
      lease[Symbol.dispose]()
      await threads[Symbol.asyncDispose]()
    },
  }
}

function dispatch(
  actor: Actor,
  runs: Map<string, ActiveRun>,
  cancels: EarlyCancels,
  delivery: Delivery,
): void {
  // Most records are of runs that others hold: the subject alone says so.
  const id = delivery.subject.split('.')[4] ?? ''
  const run = runs.get(id)
  if (run === undefined) return cancels.heard(id, delivery.subject)
  try {
    const entry = fromDelivery(delivery)
    if (entry) run.onRecord(entry)
  } catch (error) {
    actor.log.error({ err: error, subject: delivery.subject }, 'a record can not be read')
    run.fail(error)
  }
}

async function refuseRequest(actor: Actor, run: string, delivery: Delivery, error: unknown): Promise<void> {
  const failure = toFailure(error, 'INTERNAL')
  if (isRetryable(failure.code) && delivery.deliveries < GIVE_UP_AFTER) {
    actor.log.warn({ err: error, run }, 'a flow request was handed back')
    return delivery.nak(Math.min(10_000, 200 * 2 ** delivery.deliveries))
  }
  actor.emit({
    noun: 'run',
    verb: 'refused',
    run,
    id: run,
    data: { error: { code: failure.code, message: failure.message } },
  })
  await actor.bury(STREAM.flows, delivery, error)
}

function runOf(key: string): string {
  return key.slice(0, key.lastIndexOf('#'))
}
