/** The runs that this coordinator holds: takes their requests, and tells each what is heard of it. */
import type { Delivery } from '#shared/bus/delivery.ts'
import { acceptRequest } from './accept-request.ts'
import { ActiveRun } from './active-run.ts'
import type { CoordinatorContext } from './context.ts'
import type { EarlyCancels } from './early-cancels.ts'
import { fromDelivery } from './log-record.ts'
import type { FindCode } from './published.ts'
import type { FromThread, RunKey } from './thread/protocol.ts'

/** What is heard of the log. */
export type Hearing = {
  /** Sees to it that the run's records are heard from here on. */
  cover(run: string): Promise<void>
  uncover(run: string): void
  readonly cancels: EarlyCancels
}

export type HeldRunsOptions = {
  context: CoordinatorContext
  findCode: FindCode
  hearing(): Hearing
  /** It can't be accepted, now or for good. */
  refuse(run: string, delivery: Delivery, error: unknown): Promise<void>
  /** More may be taken. */
  onRoom(): void
  onUnreadable(error: unknown, subject: string): void
}

export class HeldRuns {
  readonly #options: HeldRunsOptions
  readonly runs = new Map<string, ActiveRun>()
  /** Requests that are being accepted. */
  readonly #accepting = new Map<string, Accepting>()

  constructor(options: HeldRunsOptions) {
    this.#options = options
  }

  get accepting(): number {
    return this.#accepting.size
  }

  /** The leases. */
  *deliveries(): Iterable<Delivery> {
    for (const run of this.runs.values()) yield run.delivery
    for (const { delivery } of this.#accepting.values()) yield delivery
  }

  take(run: string, delivery: Delivery): void {
    const held = this.runs.get(run)
    if (held) {
      // Delivered again to its holder: after a broker restart, the old delivery means nothing.
      held.delivery = delivery
      return
    }
    const known = this.#accepting.get(run)
    if (known) {
      known.delivery = delivery
      return
    }
    const accepting = { delivery }
    this.#accepting.set(run, accepting)
    void this.#accept(run, accepting).finally(() => {
      if (this.#accepting.get(run) === accepting) this.#accepting.delete(run)
      if (!this.runs.has(run) && !this.#accepting.has(run)) this.#options.hearing().uncover(run)
      this.#options.onRoom()
    })
  }

  /** What the feed brings. */
  hear(delivery: Delivery): void {
    // Most records are of runs that others hold: the subject alone says so.
    const id = delivery.subject.split('.', 5)[4] ?? ''
    const run = this.runs.get(id)
    if (run === undefined) return this.#options.hearing().cancels.heard(id, delivery.subject)
    try {
      const entry = fromDelivery(delivery)
      if (entry === undefined) return
      run.onRecord(entry)
    } catch (error) {
      this.#options.onUnreadable(error, delivery.subject)
      run.fail(error)
    }
  }

  /** What a flow thread says. */
  onMessage(key: RunKey, message: FromThread & { key: RunKey }): void {
    this.runs.get(runOf(key))?.onMessage(message)
  }

  onMoved(keys: RunKey[], culprit: RunKey | undefined, why: string): void {
    for (const key of keys) {
      const run = this.runs.get(runOf(key))
      if (run?.key === key) run.moved(key === culprit, why)
    }
  }

  /** Lets go of all without a word: the lease was missed. */
  abandon(): void {
    for (const run of [...this.runs.values()]) run.abandon()
    this.#accepting.clear()
  }

  /** Hands all back: another coordinator goes on at once. Without the lease they are not ours to hand back. */
  handBack(): void {
    if (!this.#options.context.leaseHolds()) return this.abandon()
    for (const run of [...this.runs.values()]) {
      const { delivery } = run
      run.abandon()
      delivery.nak()
    }
  }

  // One that was abandoned with the lease goes on until it looks: by then there may be another of the same run.
  async #accept(run: string, accepting: Accepting): Promise<void> {
    const { context, findCode, hearing, onRoom, refuse } = this.#options
    const isMine = (): boolean => this.#accepting.get(run) === accepting
    try {
      await hearing().cover(run)
      const accepted = await acceptRequest({ context, findCode }, run, accepting.delivery)
      if (!isMine()) return
      const { delivery } = accepting
      const active = new ActiveRun({
        context,
        run,
        requested: accepted.requested,
        delivery,
        onGone: (gone) => {
          this.runs.delete(gone)
          hearing().uncover(gone)
          onRoom()
        },
      })
      this.runs.set(run, active)
      if (accepted.refusal) await active.refuse(accepted.refusal)
      else await active.begin(accepted.fresh && !hearing().cancels.possible(run, delivery))
    } catch (error) {
      // Without the lease it is somebody else's to answer.
      if (!isMine() || !context.leaseHolds()) return
      // A run that did not begin must not be held: its request goes back.
      this.runs.get(run)?.abandon()
      await refuse(run, accepting.delivery, error)
    }
  }
}

/** `delivery`: the newest, which is the one that is answered. */
type Accepting = { delivery: Delivery }

function runOf(key: RunKey): string {
  return key.slice(0, key.lastIndexOf('#'))
}
