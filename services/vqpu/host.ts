/** The life of a virtual QPU: engine, proof of readiness, circuits, drain. */
import { availableParallelism } from 'node:os'
import type { Actor, Running } from '#shared/actor/actor.ts'
import { openAsker } from '#shared/actor/ask-first.ts'
import { STREAM } from '#shared/contract/streams.ts'
import type { HostOptions } from './arguments.ts'
import { CircuitsInHand } from './circuits-in-hand.ts'
import { answerDrain } from './drain-command.ts'
import { createEngine, type Engine } from './engine/engine.ts'
import { type DeviceEntry, openEntry } from './entry.ts'
import { keepUp } from './keep-up.ts'
import type { DevicePlace } from './place.ts'
import { probeEngine } from './probe.ts'
import { poolQueue, pullFrom, waitForQueue, waiting } from './queue.ts'
import { type Walltime, walltimeOf, watchWalltime } from './walltime.ts'

/** @throws when the engine does not start or fails its probe. */
export async function startHost(actor: Actor, options: HostOptions): Promise<Running> {
  const startedAt = Date.now()
  const walltime = walltimeOf(startedAt, options.walltimeSeconds, actor.environment.jobEndsAt)
  const engine = await createEngine(options.engine).catch((error: Error) => {
    openEntry(actor, options, { ...NEVER_RAN, startedAt }).say('ended', error.message)
    throw error
  })
  const host = new Host(actor, options, engine, startedAt, walltime?.endsAt)
  await host.start(walltime)
  return {
    drain: (deadline) => host.drain(deadline),
    ...(options.pool === undefined ? {} : { pools: [options.pool] }),
  }
}

/** The probe takes milliseconds; an engine that is still silent then hangs. */
const PROBE_MS = 60_000

/** What is said of a device whose engine did not start. */
const NEVER_RAN = {
  endsAt: undefined,
  info: {
    engine: '',
    version: '',
    methods: [],
    maxQubits: 0,
    languages: [],
    gates: [],
    noise: [],
    features: [],
  },
  figures: () => ({ queued: 0, running: 0, done: 0 }),
}

class Host {
  readonly #actor: Actor
  readonly #options: HostOptions
  readonly #engine: Engine
  readonly #hand: CircuitsInHand
  readonly #entry: DeviceEntry
  /** Ways in: let go when it drains. */
  readonly #taking = new DisposableStack()
  /** Signs of life: let go at the end. */
  readonly #living = new DisposableStack()
  /** Circuits that wait in the device's own queue. */
  #backlog = 0
  #more = (): void => {}
  #probing = false
  #broken: unknown

  constructor(
    actor: Actor,
    options: HostOptions,
    engine: Engine,
    startedAt: number,
    endsAt: number | undefined,
  ) {
    this.#actor = actor
    this.#options = options
    this.#engine = engine
    this.#hand = new CircuitsInHand({
      actor,
      engine,
      threads: availableParallelism(),
      place: placeOf(actor, options),
      records: actor.publisher({ stream: STREAM.runs, batchSize: 200 }),
      ask: openAsker(actor.bus.nc),
      onRoom: () => this.#more(),
      onEngineFailed: () => void this.#probeAgain(),
    })
    this.#entry = openEntry(actor, options, {
      startedAt,
      endsAt,
      info: engine.describe(),
      figures: () => this.#figures(),
    })
  }

  async start(walltime: Walltime | undefined): Promise<void> {
    const queues = [
      this.#options.device,
      ...(this.#options.pool === undefined ? [] : [poolQueue(this.#options.pool)]),
    ]
    this.#entry.say('starting')
    this.#living.use(
      keepUp({
        actor: this.#actor,
        hand: this.#hand,
        entry: this.#entry,
        countBacklog: () => this.#countBacklog(),
      }),
    )
    try {
      const signal = AbortSignal.any([this.#actor.stopping, AbortSignal.timeout(PROBE_MS)])
      await Promise.all([
        probeEngine(this.#engine, signal),
        ...queues.map((queue) => waitForQueue(this.#actor, queue)),
      ])
    } catch (error) {
      // A signal before it was ready is an orderly end too.
      if (this.#actor.stopping.aborted) return
      await this.#end((error as Error).message)
      throw error
    }
    this.#takeFrom(queues)
    if (walltime !== undefined) {
      const drain = () => void this.#finish('walltime')
      this.#living.use(watchWalltime(walltime, drain, () => this.#actor.stop('walltime')))
    }
    this.#living.use(
      answerDrain(this.#actor, this.#options.device, () => void this.#finish('drain was asked for')),
    )
    this.#entry.say('ready')
  }

  /** Takes nothing more and finishes what runs; what is not finished at the deadline goes back. */
  async drain(deadline: AbortSignal): Promise<void> {
    const why = String(this.#actor.stopping.reason?.message ?? 'stopped')
    if (this.#entry.state === 'ready') this.#entry.say('draining', why)
    this.#taking.dispose()
    const giveUp = () => {
      this.#hand.abandon(why)
      this.#entry.say('ended', why)
    }
    deadline.addEventListener('abort', giveUp, { once: true })
    await this.#hand.close()
    if (deadline.aborted) return
    deadline.removeEventListener('abort', giveUp)
    await this.#end(why)
    // The runtime turns this into an exit code other than 0.
    if (this.#broken !== undefined) throw this.#broken
  }

  /** The same without a deadline but the walltime's, because nobody is in a hurry. */
  async #finish(why: string): Promise<void> {
    if (this.#entry.state !== 'ready') return
    this.#entry.say('draining', why)
    this.#taking.dispose()
    await this.#hand.close()
    this.#actor.stop(why)
  }

  async #end(why: string): Promise<void> {
    this.#living.dispose()
    this.#entry.say('ended', why)
    await this.#engine[Symbol.asyncDispose]()
  }

  #takeFrom(queues: string[]): void {
    const pullers = queues.map((queue) => pullFrom(this.#actor, queue, this.#hand))
    for (const puller of pullers) this.#taking.defer(() => puller.stop())
    this.#more = () => {
      for (const puller of pullers) puller.more()
    }
    this.#more()
  }

  #figures() {
    const { queued, running, done } = this.#hand.figures
    return { queued: queued + this.#backlog, running, done }
  }

  async #countBacklog(): Promise<void> {
    this.#backlog = (await waiting(this.#actor, this.#options.device)) ?? this.#backlog
  }

  // An engine that fails everything would eat its pool's whole queue: it must prove itself again.
  async #probeAgain(): Promise<void> {
    if (this.#probing) return
    this.#probing = true
    try {
      await probeEngine(this.#engine, this.#actor.stopping)
    } catch (error) {
      if (this.#actor.stopping.aborted) return
      this.#broken = error
      this.#actor.log.error({ err: error }, 'the engine can no longer run circuits')
      this.#actor.stop((error as Error).message)
    } finally {
      this.#probing = false
    }
  }
}

function placeOf(actor: Actor, options: HostOptions): DevicePlace {
  return {
    writer: actor.id,
    node: actor.host,
    ...(actor.job === undefined ? {} : { job: actor.job }),
    ...(options.pool === undefined ? {} : { pool: options.pool }),
    device: options.device,
  }
}
