/** Looks after the explicit allocations: gathers the facts about each, decides, and has it done. */
import { type Allocation, type AllocationTools, factsOf } from './allocation.ts'
import { type AllocationStep, nextStep, type RunLog } from './allocation-step.ts'
import { carryOut, tellWaiting } from './carry-out.ts'
import { allocationSeries, inSeries } from './job-name.ts'
import type { Lease } from './leases.ts'
import { listenToRun, readRunLogs } from './run-logs.ts'

export class Allocations {
  readonly #tools: AllocationTools
  readonly #inHand = new Map<Lease, Allocation>()
  #reading: Promise<void> | undefined
  #stopped = false

  constructor(tools: AllocationTools) {
    this.#tools = tools
  }

  take(lease: Lease): void {
    const { actor, home } = this.#tools
    const { run, device, engine } = lease.command
    const series = allocationSeries(home, run, lease.id)
    this.#inHand.set(lease, {
      lease,
      series,
      log: undefined,
      readyJobs: new Set(),
      drainedJobs: new Set(),
      failedSubmits: { count: 0, lastAt: 0, reason: '', final: false },
      waitingFor: '',
      busy: false,
      gone: false,
      stopListening: listenToRun(actor.bus, run, () => void this.readLogs()),
    })
    if (!lease.redelivered)
      actor.emit({
        noun: 'allocation',
        verb: 'requested',
        run,
        id: device,
        data: { device, engine, pool: lease.pool },
      })
    void this.readLogs()
  }

  drop(lease: Lease): void {
    const allocation = this.#inHand.get(lease)
    if (allocation === undefined) return
    allocation.gone = true
    allocation.stopListening()
    this.#inHand.delete(lease)
  }

  /** Nothing more is done for any of them. */
  stop(): void {
    this.#stopped = true
    for (const lease of [...this.#inHand.keys()]) this.drop(lease)
  }

  /** Reads what the runs' logs say about all of them, then acts on it. */
  async readLogs(): Promise<void> {
    // A read under way may be older than the news: after it, once more.
    if (this.#reading !== undefined) await this.#reading
    this.#reading ??= this.#readNow().finally(() => {
      this.#reading = undefined
    })
    return this.#reading
  }

  async #readNow(): Promise<void> {
    const all = [...this.#inHand.values()]
    if (all.length === 0) return
    try {
      const logs = await readRunLogs(
        this.#tools.actor.bus,
        all.map(({ lease }) => lease.command),
      )
      for (const [i, allocation] of all.entries()) this.#learn(allocation, logs[i])
    } catch (error) {
      this.#tools.actor.log.warn({ err: error }, "the runs' logs can't be read now")
    }
    this.step()
  }

  // Taken up from another allocator: jobs that ended before we came are not failed launches of ours.
  #learn(allocation: Allocation, log: RunLog | undefined): void {
    if (allocation.log === undefined && log?.outcome === 'completed') {
      for (const { job } of inSeries(allocation.series, this.#tools.board.jobs))
        if (job.state === 'ended') allocation.readyJobs.add(job.name)
    }
    allocation.log = log
  }

  /** Decides for each allocation, and acts. Cheap, and harmless at any time. */
  step(): void {
    if (this.#stopped || this.#tools.actor.stopping.aborted) return
    for (const allocation of this.#inHand.values()) {
      if (allocation.busy || allocation.gone) continue
      const step = nextStep(factsOf(this.#tools, allocation))
      if (step.do === 'wait') {
        tellWaiting(this.#tools, allocation, step.why)
        continue
      }
      allocation.busy = true
      void this.#act(allocation, step).finally(() => {
        allocation.busy = false
        setImmediate(() => this.step())
      })
    }
  }

  async #act(allocation: Allocation, step: Exclude<AllocationStep, { do: 'wait' }>): Promise<void> {
    const { actor } = this.#tools
    try {
      const carried = await carryOut(this.#tools, allocation, step)
      if (carried === 'log') await this.#readNow()
      if (carried !== 'over') return
      allocation.lease.release()
      this.drop(allocation.lease)
    } catch (error) {
      // Whatever it was, the next look decides anew; the pause keeps a lasting fault from filling the log.
      actor.log.error(
        { err: error, device: allocation.lease.command.device, step: step.do },
        'a step for an allocation failed',
      )
      await new Promise((resolve) => setTimeout(resolve, 1_000).unref())
    }
  }
}
