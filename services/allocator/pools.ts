/** Keeps every pool at the number of jobs that its backlog asks for. */
import { backlogOf, deleteConsumer, ensureConsumer, listConsumers } from '#shared/bus/consumers.ts'
import type { Pool } from '#shared/cluster/cluster.ts'
import type { ActorEntry } from '#shared/contract/registry.ts'
import { CONSUMER, STREAM, type StreamName, shapeOfConsumer } from '#shared/contract/streams.ts'
import { filter } from '#shared/contract/subjects.ts'
import type { AllocationTools } from './allocation.ts'
import { jobName, slotOf, slotSeries } from './job-name.ts'
import { vqpuJob, workerJob } from './job-spec.ts'
import { PoolMemory } from './pool-memory.ts'
import { type PoolLoad, type ScaleDecision, scalePool } from './scale-pool.ts'
import type { Job, JobSpec } from './scheduler.ts'

/** An actor may take 20 s to finish what it has. */
const GRACE_SECONDS = 25

type Queue = { stream: StreamName; consumer: string; filter: string }
type Scaled = { pool: Pool; queues: Queue[]; memory: PoolMemory; why: string; busy: boolean }

export class Pools {
  readonly #tools: AllocationTools
  readonly #pools: Scaled[]
  readonly #startedAt = Date.now()
  #stopped = false

  constructor(tools: AllocationTools) {
    this.#tools = tools
    const started = [...tools.cluster.pools.values()].filter(({ starts }) => starts.kind !== 'submitter')
    this.#pools = started.map((pool) => ({
      pool,
      queues: queuesOf(pool),
      memory: new PoolMemory(),
      why: '',
      busy: false,
    }))
  }

  /** Makes the queues that the pools' jobs take from: they may not make them themselves. */
  async ensureQueues(): Promise<void> {
    for (const { queues } of this.#pools) for (const queue of queues) await this.#ensure(queue)
  }

  stop(): void {
    this.#stopped = true
  }

  /** Why each pool has the jobs that it has. */
  reasons(): { pool: string; why: string }[] {
    return this.#pools.map(({ pool, why }) => ({ pool: pool.name, why }))
  }

  /** Looks at the backlogs, decides, and acts. */
  async scale(): Promise<void> {
    if (this.#stopped || !this.#leads()) return
    await Promise.all(
      this.#pools.map(async (scaled) => {
        if (scaled.busy) return
        scaled.busy = true
        await this.#scaleOne(scaled)
          .catch((error: unknown) =>
            this.#tools.actor.log.warn(
              { err: error, pool: scaled.pool.name },
              'a pool could not be scaled now',
            ),
          )
          .finally(() => {
            scaled.busy = false
          })
      }),
    )
  }

  async #scaleOne(scaled: Scaled): Promise<void> {
    const { pool, memory } = scaled
    const load = await this.#loadOf(scaled)
    const { board, home, registry } = this.#tools
    const jobs = board.jobs.filter((job) => slotOf(home, pool.name, job.name) !== undefined)
    const gone = memory.learn(jobs, registry, load, Date.now())
    for (const job of gone) await this.#tidyUp(pool, job)
    const decision = scalePool(load, memory.live(jobs), pool, memory.failed, Date.now())
    this.#say(scaled, decision)
    if (this.#stopped) return
    if ('start' in decision) await this.#start(scaled, jobs, decision.start)
    if ('stop' in decision) for (const id of decision.stop) this.#end(memory, id)
  }

  async #loadOf({ pool, queues }: Scaled): Promise<PoolLoad> {
    const { actor, registry, board, home } = this.#tools
    const load: PoolLoad = { waiting: 0, running: 0, helpers: 0 }
    if (pool.starts.kind === 'worker') await this.#addTasks(load, pool.starts.serves, queues)
    else
      for (const queue of queues) {
        const backlog = await backlogOf(actor.bus.nc, queue.stream, queue.consumer)
        if (backlog === undefined) await this.#ensure(queue)
        load.waiting += backlog?.waiting ?? 0
        load.running += backlog?.running ?? 0
      }
    load.waiting += demandFor(pool, registry.actors.values())
    for (const entry of registry.vqpus.values()) {
      const ours =
        board.find(entry.job ?? '') !== undefined && slotOf(home, pool.name, entry.job ?? '') !== undefined
      if (entry.pool === pool.name && entry.state === 'ready' && !ours) load.helpers++
    }
    return load
  }

  // Tasks wait in as many queues as they have shapes.
  async #addTasks(load: PoolLoad, serves: readonly string[], queues: Queue[]): Promise<void> {
    const found = await listConsumers(this.#tools.actor.bus.nc, STREAM.tasks)
    for (const { name, pending, ackPending } of found) {
      if (!serves.some((served) => shapeOfConsumer(served, name) !== undefined)) continue
      load.waiting += pending
      load.running += ackPending
    }
    for (const queue of queues)
      if (!found.some(({ name }) => name === queue.consumer)) await this.#ensure(queue)
  }

  async #start(scaled: Scaled, jobs: Job[], count: number): Promise<void> {
    const { guard, board, home } = this.#tools
    const { pool, memory } = scaled
    let left = count
    for (let slot = 0; slot < pool.maximumJobs && left > 0; slot++) {
      const inSlot = jobs.filter((job) => slotOf(home, pool.name, job.name)?.slot === slot)
      if (inSlot.some(({ state }) => state !== 'ended')) continue
      const newest = Math.max(0, ...inSlot.map((job) => slotOf(home, pool.name, job.name)?.generation ?? 0))
      try {
        await guard.submit(await this.#spec(pool, slot, newest + 1))
      } catch (error) {
        memory.startFailed((error as Error).message, Date.now())
        break
      }
      left--
    }
    await board.refresh()
    await this.#forgetOlder(jobs, pool)
  }

  async #spec(pool: Pool, slot: number, generation: number): Promise<JobSpec> {
    const { maker, home } = this.#tools
    const name = jobName(slotSeries(home, pool.name, slot), generation)
    if (pool.starts.kind === 'worker') return workerJob(maker, pool, name, pool.starts.serves)
    const device = deviceOf(pool, slot, generation)
    await this.#ensure(circuitQueue(device))
    const engine = pool.starts.kind === 'vqpu' ? pool.starts.engine : ''
    return vqpuJob(maker, pool, name, {
      device,
      engine,
      takesFrom: pool.name,
      walltimeSeconds: pool.walltimeSeconds,
    })
  }

  // The last job of a place stays known until the next one is there: names are never used twice.
  async #forgetOlder(jobs: Job[], pool: Pool): Promise<void> {
    const { board, scheduler, home } = this.#tools
    for (const job of jobs) {
      const mine = slotOf(home, pool.name, job.name)
      const newer = board.jobs.some((other) => {
        const place = slotOf(home, pool.name, other.name)
        return place !== undefined && place.slot === mine?.slot && place.generation > mine.generation
      })
      if (job.state === 'ended' && newer) await scheduler.forget(job.id)
    }
  }

  #end(memory: PoolMemory, id: string): void {
    const { scheduler, actor } = this.#tools
    memory.ending.add(id)
    const over = scheduler.cancel(id, { graceSeconds: GRACE_SECONDS, signal: actor.stopping })
    over.catch((error: unknown) => {
      memory.ending.delete(id)
      actor.log.warn({ err: error, job: id }, 'a job could not be ended')
    })
  }

  async #tidyUp(pool: Pool, job: Job): Promise<void> {
    const place = slotOf(this.#tools.home, pool.name, job.name)
    if (pool.starts.kind !== 'vqpu' || place === undefined) return
    await deleteConsumer(
      this.#tools.actor.bus.nc,
      STREAM.circuits,
      CONSUMER.circuits(deviceOf(pool, place.slot, place.generation)),
    )
  }

  #say(scaled: Scaled, decision: ScaleDecision): void {
    const { actor } = this.#tools
    if (scaled.why === decision.why) return
    scaled.why = decision.why
    if ('wait' in decision) actor.log.debug({ pool: scaled.pool.name }, decision.why)
    else actor.log.info({ pool: scaled.pool.name, ...decision }, 'the pool is scaled')
  }

  // The youngest allocator leads, so that a restarted one need not wait until its dead forerunner is forgotten. Two
  // that both think they lead do no harm: names of jobs make a double start impossible.
  #leads(): boolean {
    const { actor, registry } = this.#tools
    for (const { id, name, state, startedAt } of registry.actors.values()) {
      if (name !== 'allocator' || id === actor.id || state === 'draining' || state === 'ended') continue
      if (startedAt > this.#startedAt || (startedAt === this.#startedAt && id > actor.id)) return false
    }
    return true
  }

  #ensure({ stream, consumer, filter }: Queue): Promise<void> {
    return ensureConsumer(this.#tools.actor.bus.nc, stream, consumer, filter)
  }
}

// What coordinators hold back until the queue has room.
function demandFor({ name, starts }: Pool, actors: Iterable<ActorEntry>): number {
  const targets = starts.kind === 'worker' ? starts.serves : [name, `pool-${name}`]
  let waiting = 0
  for (const { demand, state } of actors) {
    if (demand === undefined || state === 'ended') continue
    const of = starts.kind === 'worker' ? demand.tasks : demand.circuits
    for (const target of targets) waiting += of[target] ?? 0
    if (starts.kind === 'vqpu') waiting += of['any'] ?? 0
  }
  return waiting
}

function queuesOf({ name, starts }: Pool): Queue[] {
  if (starts.kind !== 'worker') return [circuitQueue(`pool-${name}`)]
  return starts.serves.map((served) => ({
    stream: STREAM.tasks,
    consumer: CONSUMER.tasks(served),
    filter: filter.poolTasks(served),
  }))
}

function circuitQueue(device: string): Queue {
  return {
    stream: STREAM.circuits,
    consumer: CONSUMER.circuits(device),
    filter: filter.deviceCircuits(device),
  }
}

function deviceOf(pool: Pool, slot: number, generation: number): string {
  return `pool-${pool.name}-${slot}-${generation}`
}
