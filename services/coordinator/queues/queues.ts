/** The queues that commands go to: whether there is one, and who serves it. */
import type { Actor } from '#shared/actor/actor.ts'
import { consumerNames, ensureConsumer } from '#shared/bus/consumers.ts'
import type { RegistryView } from '#shared/bus/registry.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { PLAIN_SHAPE, parseShape, type Shape } from '#shared/contract/shape.ts'
import { CONSUMER, STREAM } from '#shared/contract/streams.ts'
import { filter, subject } from '#shared/contract/subjects.ts'
import type { Gate } from '../limits/gate.ts'
import type { PendingStep } from '../steps/pending-step.ts'
import { shapeOf } from '../steps/step-drafts.ts'

const LOOK_MS = 1_000

export class Queues {
  readonly #actor: Actor
  readonly #registry: RegistryView
  readonly #gate: Gate
  #names = new Set<string>()
  #lookedAt = Number.NEGATIVE_INFINITY
  #looking: Promise<void> | undefined

  constructor(actor: Actor, registry: RegistryView, gate: Gate) {
    this.#actor = actor
    this.#registry = registry
    this.#gate = gate
  }

  /**
   * Sees to it that the step's command finds its queue. Nothing, where that is known; or a promise of what is wrong:
   * `UNKNOWN_POOL` or `UNKNOWN_LIMIT`.
   */
  prepare(step: PendingStep, pool: string): undefined | Promise<QubusError | undefined> {
    const { limits = [] } = step.policy
    const isTask = step.kind === 'task' || step.kind === 'program'
    const known = !isTask || this.#names.has(CONSUMER.tasks(pool, shapeOf(step)))
    if (known && limits.every((limit) => this.#gate.placesOf(limit) !== undefined)) return undefined
    return this.#find(isTask ? { pool, shape: shapeOf(step) } : undefined, limits)
  }

  /** How many tasks of a shape can run at once in a pool; undefined when nobody serves it. */
  placesOf(pool: string, shape: string): number | undefined {
    const wanted = parseShape(shape)
    let places: number | undefined
    for (const { name, state, pools, capacity } of this.#registry.actors.values()) {
      if (name !== 'worker' || state !== 'ready' || !pools?.includes(pool) || capacity === undefined) continue
      places = (places ?? 0) + fitting(wanted, capacity)
    }
    return places
  }

  /** How many vQPUs take circuits that ask for `device`; undefined when none does. */
  hostsOf(device: string): number | undefined {
    let hosts = 0
    for (const { id, state, pool } of this.#registry.vqpus.values())
      if (
        state === 'ready' &&
        (id === device ||
          (pool !== undefined && (device === 'any' || device === pool || device === `pool-${pool}`)))
      )
        hosts++
    return hosts === 0 ? undefined : hosts
  }

  /** Why a task of this shape is not begun, where it has no chance. */
  whyNotServed(pool: string, shape: string): string | undefined {
    const places = this.placesOf(pool, shape)
    if (places === undefined) return `queued in pool ${pool}: no worker serves it now`
    if (places > 0) return undefined
    const { cores = 0, memoryMiB = 0, gpus = 0 } = parseShape(shape) ?? {}
    const wants = [`${cores} cores`, memoryMiB > 0 ? `${memoryMiB} MiB` : '', gpus > 0 ? `${gpus} GPUs` : '']
    return `queued in pool ${pool}: no worker there has ${wants.filter((each) => each !== '').join(', ')}`
  }

  async #find(
    task: { pool: string; shape: string } | undefined,
    limits: readonly string[],
  ): Promise<QubusError | undefined> {
    if (limits.some((limit) => this.#gate.placesOf(limit) === undefined)) await this.#gate.list()
    const limit = limits.find((each) => this.#gate.placesOf(each) === undefined)
    if (limit !== undefined) {
      const there = this.#gate.names.join(', ') || 'none'
      return new QubusError(
        'UNKNOWN_LIMIT',
        `no limit ${JSON.stringify(limit)} is set: run qubus limit set ${limit} N; there is: ${there}`,
      )
    }
    return task === undefined ? undefined : this.#findPool(task)
  }

  async #findPool({ pool, shape }: { pool: string; shape: string }): Promise<QubusError | undefined> {
    const plain = CONSUMER.tasks(pool)
    if (!this.#names.has(plain)) await this.#look()
    if (!this.#names.has(plain)) {
      // Before an allocator is there, nobody has made any queue: the command waits for it.
      const settled = [...this.#registry.actors.values()].some(
        ({ name, state }) => name === 'allocator' && state === 'ready',
      )
      if (!settled) return undefined
      const pools = [...this.#names]
        .filter((name) => !name.includes('@'))
        .map((name) => name.slice('pool-'.length))
      return new QubusError(
        'UNKNOWN_POOL',
        `the cluster file has no pool ${JSON.stringify(pool)}; there is: ${pools.sort().join(', ') || 'none'}`,
      )
    }
    if (shape === PLAIN_SHAPE || this.#names.has(CONSUMER.tasks(pool, shape))) return undefined
    const name = CONSUMER.tasks(pool, shape)
    await ensureConsumer(this.#actor.bus.nc, STREAM.tasks, name, filter.poolTasks(pool, shape))
    this.#names.add(name)
    this.#actor.bus.nc.publish(subject.queueMade(pool))
    return undefined
  }

  #look(): Promise<void> {
    if (performance.now() - this.#lookedAt < LOOK_MS) return Promise.resolve()
    this.#looking ??= consumerNames(this.#actor.bus.nc, STREAM.tasks)
      .then((names) => {
        this.#names = new Set(names)
        this.#lookedAt = performance.now()
      })
      .finally(() => {
        this.#looking = undefined
      })
    return this.#looking
  }
}

function fitting(shape: Shape | undefined, capacity: Shape): number {
  if (shape === undefined) return 0
  const { cores, memoryMiB, gpus } = shape
  const by = [Math.floor(capacity.cores / cores)]
  if (memoryMiB > 0) by.push(Math.floor(capacity.memoryMiB / memoryMiB))
  if (gpus > 0) by.push(Math.floor(capacity.gpus / gpus))
  return Math.min(...by)
}
