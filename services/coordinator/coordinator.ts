/** The coordinator: takes flow requests, holds their runs, and feeds each what its log says. */
import type { Actor, Running } from '#shared/actor/actor.ts'
import { ensureConsumer } from '#shared/bus/consumers.ts'
import type { Delivery } from '#shared/bus/delivery.ts'
import { isRetryable } from '#shared/contract/errors.ts'
import { toFailure } from '#shared/contract/failure.ts'
import { SHARDS } from '#shared/contract/ids.ts'
import { CONSUMER, STREAM } from '#shared/contract/streams.ts'
import { filter, lastToken } from '#shared/contract/subjects.ts'
import { type Admission, admissionFor, watchFill } from './admission.ts'
import { demandOf } from './demand.ts'
import { HeldRuns } from './held-runs.ts'
import { answerInspections, hearAdmitted, hearRunning } from './inspect.ts'
import { keepLease } from './lease.ts'
import { openContext } from './open-context.ts'
import { findPublished } from './published.ts'
import { hearTicks } from './schedules/ticks.ts'
import { ShardFeed } from './shard-feed.ts'
import { sharesOf } from './shares.ts'
import { Takers } from './takers.ts'
import { FlowThreads, type FlowThreadsOptions } from './thread/flow-threads.ts'

/** Bounded by what the broker gives out: 1,000 a shard, and as many sub-flows. */
const PREFETCH = 64
const PROGRESS_MS = 250
const GIVE_UP_AFTER = 20
/** Commands that nobody has begun for so long are looked for, and sent again where the broker has lost them. */
const REPEAT_MS = 15_000
/** After a reconnect, until the feed has caught up. */
const SETTLE_MS = 2_000

/** How long flow code may keep its thread: for tests, which can't wait that long. */
export type CoordinatorOptions = Pick<FlowThreadsOptions, 'stuckMs' | 'giveUpMs'>

export async function startCoordinator(actor: Actor, options: CoordinatorOptions = {}): Promise<Running> {
  const { bus } = actor
  const threads = new FlowThreads({
    ...options,
    environment: actor.environment.forTasks,
    onMessage: (key, message) => held.onMessage(key, message),
    onMoved: (keys, culprit, why) => held.onMoved(keys, culprit, why),
  })
  const lease = keepLease(
    actor,
    () => held.deliveries(),
    () => held.abandon(),
  )
  using stack = new DisposableStack()
  let onRegistry = (): void => {}
  const { context, registry, gate, requests, clock } = stack.use(
    openContext({ actor, threads, leaseHolds: () => lease.holds(), onRegistry: () => onRegistry() }),
  )
  // Limits are listed again and again, and when one is missed.
  await Promise.all([gate.list().catch(() => {}), registry.ready, clock.ready])

  const feed = new ShardFeed(bus, clock, (delivery) => held.hear(delivery))
  const held: HeldRuns = new HeldRuns({
    context,
    findCode: findPublished(bus.nc),
    hearing: () => feed,
    refuse: (run, delivery, error) => refuseRequest(actor, run, delivery, error),
    onRoom: () => takers.more(),
    onUnreadable: (error, subject) => actor.log.error({ err: error, subject }, 'a record can not be read'),
  })
  const { runs } = held

  let admission: Admission = admissionFor([])
  let shared = ''
  const takers = new Takers(bus, {
    credit: (what) => (actor.stopping.aborted || !admission[what] ? 0 : PREFETCH - held.accepting),
    onRequest: (delivery) => held.take(lastToken(delivery.subject), delivery),
  })

  for (let shard = 0; shard < SHARDS; shard++) {
    await ensureConsumer(bus.nc, STREAM.flows, CONSUMER.flows(shard), filter.flows(shard))
    await ensureConsumer(bus.nc, STREAM.flows, CONSUMER.childFlows(shard), filter.childFlows(shard))
  }
  const share = async (): Promise<void> => {
    const others = [...registry.actors.values()].filter(
      ({ name, state }) => name === 'coordinator' && state === 'ready',
    )
    const shards = sharesOf(
      actor.id,
      others.map(({ id }) => id),
    )
    if (shared === shards.join() || actor.stopping.aborted) return
    shared = shards.join()
    await feed.listen(shards)
    takers.serve(shards)
  }
  onRegistry = () => void share()
  await share()

  stack.use(
    watchFill(bus.nc, (next) => {
      const news = next.why !== admission.why
      const ends = (['roots', 'children'] as const).filter((what) => admission[what] && !next[what])
      admission = next
      for (const what of ends) takers.withdraw(what)
      takers.more()
      if (!news) return
      actor.beat()
      actor.log.warn(next.why ?? 'new runs are taken again')
    }),
  )
  const ticks = await hearTicks(actor, requests)
  const repeat = (olderMs: number): void => {
    for (const run of runs.values())
      run
        .repeat(olderMs)
        .catch((error: unknown) => actor.log.warn({ err: error }, 'commands could not be looked for'))
  }
  const every = (ms: number, act: () => void): void => {
    const timer = setInterval(act, ms)
    stack.defer(() => clearInterval(timer))
  }
  every(PROGRESS_MS, () => {
    for (const run of runs.values()) run.reportProgress()
  })
  every(REPEAT_MS, () => repeat(REPEAT_MS))
  stack.defer(bus.onReconnect(() => setTimeout(() => repeat(0), SETTLE_MS).unref()))
  const demand = demandOf(context.lanes, () => actor.beat())
  every(PROGRESS_MS, demand.look)
  for (const hearing of [
    hearRunning(actor, runs, 'step'),
    hearRunning(actor, runs, 'circuit'),
    hearAdmitted(actor, runs),
    answerInspections(actor, runs),
  ])
    stack.defer(() => hearing.unsubscribe())
  const upkeep = stack.move()

  return {
    facts: () => ({
      demand: demand.current(),
      ...(admission.why === undefined ? {} : { paused: admission.why }),
    }),
    // Runs need no end here: their requests go back, and another coordinator takes them over from the log.
    async drain(deadline) {
      takers.stop()
      held.handBack()
      feed.stop()
      await ticks.drain(deadline)
      upkeep.dispose()
      lease[Symbol.dispose]()
      await threads[Symbol.asyncDispose]()
    },
  }
}

async function refuseRequest(actor: Actor, run: string, delivery: Delivery, error: unknown): Promise<void> {
  const failure = toFailure(error, 'INTERNAL')
  // A run of a later version waits for a coordinator that can read it: while a system is renewed there are both.
  const mayPass = isRetryable(failure.code) || failure.code === 'VERSION_UNSUPPORTED'
  if (mayPass && delivery.deliveries < GIVE_UP_AFTER) {
    actor.log.warn({ err: error, run }, 'a flow request was handed back')
    return delivery.nak(Math.min(10_000, 200 * 2 ** delivery.deliveries))
  }
  // On record first: whoever hears the event may ask why.
  await actor.bury(STREAM.flows, delivery, error)
  actor.emit({
    noun: 'run',
    verb: 'refused',
    run,
    id: run,
    data: { error: { code: failure.code, message: failure.message } },
  })
}
