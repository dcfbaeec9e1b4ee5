/**
 * The circuits that this host was given: each is asked about, run, recorded and then answered. The engine begins while
 * the log is still being asked, since running a circuit twice harms nobody; nothing is written or acked before the
 * log's answer is here. A circuit that was delivered before waits for the answer: it may have killed its last host.
 */
import type { Actor } from '#shared/actor/actor.ts'
import type { Ask } from '#shared/actor/ask-first.ts'
import type { Delivery } from '#shared/bus/delivery.ts'
import type { Publisher } from '#shared/bus/publisher.ts'
import { CancelledError } from '#shared/contract/errors.ts'
import { STREAM } from '#shared/contract/streams.ts'
import type { Engine } from './engine/engine.ts'
import { execute } from './execute.ts'
import { type HeldCircuit, holdCircuit, keyOf } from './held-circuit.ts'
import { meanAfter, paceFor } from './pace.ts'
import type { DevicePlace } from './place.ts'
import { takeUpAgain } from './take-up-again.ts'

export type HandOptions = {
  actor: Actor
  engine: Engine
  threads: number
  place: DevicePlace
  /** Writes to `RUNS`. */
  records: Publisher
  ask: Ask
  /** More circuits may be taken now. */
  onRoom(): void
  /** A circuit failed through the engine, not through its text. */
  onEngineFailed(): void
}

/** Circuits shorter than this are told of once, when they are done. */
const WORTH_TELLING_MS = 100
/** After a read or write of the log failed: the broker is busy with something worse. */
const HAND_BACK_MS = 1_000

export class CircuitsInHand {
  readonly #options: HandOptions
  readonly #held = new Map<string, HeldCircuit>()
  readonly #queue: HeldCircuit[] = []
  #running = 0
  #done = 0
  #meanSeconds: number | undefined
  #closed = false
  #onEmpty: (() => void) | undefined

  constructor(options: HandOptions) {
    this.#options = options
  }

  get figures(): { queued: number; running: number; done: number } {
    return { queued: this.#queue.length, running: this.#running, done: this.#done }
  }

  /** How many more circuits this host should be given. */
  get room(): number {
    if (this.#closed) return 0
    const { running, ahead } = paceFor(this.#options.threads, this.#meanSeconds)
    return running + ahead - this.#running - this.#queue.length
  }

  accept(batch: Delivery[]): void {
    for (const delivery of batch) {
      if (this.#closed) delivery.nak()
      else this.#hold(delivery)
    }
    this.#pump()
  }

  /** Says "still at it" for everything in hand. */
  sayWorking(): void {
    // What comes after a pause may be of another size: it is taken with care again.
    if (this.#held.size === 0) this.#meanSeconds = undefined
    for (const circuit of this.#held.values()) circuit.delivery.working()
  }

  /** Tells those who watch what has been running for a while. */
  announce(): void {
    const before = Date.now() - WORTH_TELLING_MS
    for (const circuit of this.#held.values()) {
      if (circuit.state !== 'running' || circuit.announced || circuit.startedAt > before) continue
      circuit.announced = true
      this.#tell('running', circuit, {})
    }
  }

  /** Asks the log again about what is in hand, of one run or of all that is held longer than `olderMs`. */
  askAgain(of: { run?: string; olderMs?: number }): void {
    const before = performance.now() - (of.olderMs ?? 0)
    for (const circuit of this.#held.values()) {
      if (circuit.state === 'recording' || circuit.heldSince > before) continue
      if (of.run !== undefined && of.run !== circuit.id.run) continue
      const verdict = this.#options.ask({ ...circuit.id, again: false })
      verdict.then((now) => now.wanted || this.#drop(circuit, now.why)).catch(() => {})
    }
  }

  /** Takes nothing more and gives back what has not begun; resolves when the rest is answered. */
  async close(): Promise<void> {
    this.#closed = true
    for (const circuit of this.#queue.splice(0)) this.#handBack(circuit)
    if (this.#held.size > 0) await new Promise<void>((resolve) => (this.#onEmpty = resolve))
  }

  /** Gives back everything, begun or not. */
  abandon(why: string): void {
    this.#closed = true
    this.#queue.length = 0
    for (const circuit of [...this.#held.values()]) {
      this.#handBack(circuit)
      circuit.abort.abort(new CancelledError(why))
    }
  }

  #hold(delivery: Delivery): void {
    let circuit: HeldCircuit
    try {
      circuit = holdCircuit(delivery, this.#options.ask)
    } catch (error) {
      this.#options.actor.bury(STREAM.circuits, delivery, error).catch(() => delivery.nak(HAND_BACK_MS))
      return
    }
    const present = this.#held.get(keyOf(circuit.id))
    if (present !== undefined) {
      present.delivery = delivery
      circuit.verdict.catch(() => {})
      return
    }
    this.#held.set(keyOf(circuit.id), circuit)
    this.#queue.push(circuit)
    circuit.verdict.then(
      (verdict) => verdict.wanted || this.#drop(circuit, verdict.why),
      (error: unknown) => this.#fail(circuit, error),
    )
  }

  #pump(): void {
    const limit = paceFor(this.#options.threads, this.#meanSeconds).running
    while (this.#running < limit) {
      const next = this.#queue.shift()
      if (next === undefined) return
      void this.#settle(next)
    }
  }

  async #settle(circuit: HeldCircuit): Promise<void> {
    circuit.state = 'running'
    circuit.startedAt = Date.now()
    this.#running++
    try {
      const executed = await this.#execute(circuit).finally(() => this.#leave())
      if (executed === undefined || isAnswered(circuit)) return
      circuit.state = 'recording'
      // A verdict of "not wanted" has answered the circuit by now.
      await circuit.verdict
      if (isAnswered(circuit)) return
      await this.#options.records.create(executed.record)
      this.#done++
      const { failure, seconds } = executed
      if (failure?.code === 'ENGINE_FAILED') this.#options.onEngineFailed()
      this.#tell(failure === undefined ? 'completed' : 'failed', circuit, {
        seconds,
        ...(failure && { code: failure.code }),
      })
      this.#answer(circuit)
    } catch (error) {
      this.#fail(circuit, error)
    }
  }

  async #execute(circuit: HeldCircuit) {
    const { engine, actor, place } = this.#options
    if (circuit.again && !(await this.#takeUpAgain(circuit))) return undefined
    const executed = await execute(engine, actor.blobs, place, circuit)
    this.#meanSeconds = meanAfter(this.#meanSeconds, executed.seconds)
    return executed
  }

  async #takeUpAgain(circuit: HeldCircuit): Promise<boolean> {
    const verdict = await circuit.verdict
    if (!verdict.wanted || isAnswered(circuit)) return false
    const { place, records } = this.#options
    if ((await takeUpAgain(records, place, circuit, verdict.losses)) === 'run') return !isAnswered(circuit)
    this.#tell('failed', circuit, { code: 'LOST' })
    this.#answer(circuit)
    return false
  }

  #leave(): void {
    this.#running--
    this.#pump()
    this.#options.onRoom()
  }

  /** Nobody wants it any more: acked without a record, and stopped. */
  #drop(circuit: HeldCircuit, why: string): void {
    if (isAnswered(circuit)) return
    this.#options.actor.log.debug({ circuit: keyOf(circuit.id), why }, 'circuit dropped')
    this.#answer(circuit)
    circuit.abort.abort(new CancelledError(why))
  }

  #fail(circuit: HeldCircuit, error: unknown): void {
    if (isAnswered(circuit)) return
    this.#options.actor.log.warn({ err: error, circuit: keyOf(circuit.id) }, 'circuit handed back')
    this.#handBack(circuit, HAND_BACK_MS)
    circuit.abort.abort(new CancelledError('handed back'))
  }

  #handBack(circuit: HeldCircuit, delayMs?: number): void {
    circuit.delivery.nak(delayMs)
    this.#forget(circuit)
  }

  #answer(circuit: HeldCircuit): void {
    circuit.delivery.ack()
    this.#forget(circuit)
  }

  #forget(circuit: HeldCircuit): void {
    if (circuit.state === 'queued') {
      const at = this.#queue.indexOf(circuit)
      if (at >= 0) this.#queue.splice(at, 1)
    }
    circuit.state = 'answered'
    this.#held.delete(keyOf(circuit.id))
    if (this.#held.size === 0) this.#onEmpty?.()
  }

  #tell(verb: string, { id, command, startedAt }: HeldCircuit, data: Record<string, unknown>): void {
    const { actor, place } = this.#options
    const facts = {
      step: id.step,
      attempt: id.attempt,
      name: command.name,
      device: place.device,
      node: actor.host,
      startedAt,
      forMs: Date.now() - startedAt,
      ...data,
    }
    actor.emit({ noun: 'circuit', verb, run: id.run, id: String(id.step), data: facts })
  }
}

function isAnswered(circuit: HeldCircuit): boolean {
  return circuit.state === 'answered'
}
