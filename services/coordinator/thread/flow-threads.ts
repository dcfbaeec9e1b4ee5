/**
 * The warm flow threads of a coordinator. A thread that stops answering keeps the run that holds it up; the others are
 * moved to a new one, which costs them only a replay.
 */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { Outbox, openMail } from '#shared/actor/mailbox.ts'
import type { BundleRef, Checked, FlowStart, FromThread, RunKey, ToThread } from './protocol.ts'

export type FlowThreadsOptions = {
  onMessage(key: RunKey, message: FromThread & { key: RunKey }): void
  /** The thread of these runs is gone or stuck: start them anew. `culprit`: it was in this run's code. */
  onMoved(keys: RunKey[], culprit: RunKey | undefined, why: string): void
  environment: NodeJS.ProcessEnv
  threads?: number
  /** A thread that does not answer for this long is taken to be stuck. */
  stuckMs?: number
  /** How long a stuck thread may go without an answer until its run is given up. */
  giveUpMs?: number
}

type Thread = {
  worker: Worker
  outbox: Outbox<ToThread>
  current: Int32Array
  runs: Set<RunKey>
  /** Infinity until it has said that it is there: a machine under load may take long to start a thread. */
  answeredAt: number
  checks: Map<number, Check>
}

type Check = {
  bundle: BundleRef
  params: Uint8Array
  now: number
  /** It was in a thread that stalled or ended, and no run was to blame. */
  suspect: boolean
  settle(checked: Checked): void
}

const PING_MS = 1_000

export class FlowThreads implements AsyncDisposable {
  readonly #options: FlowThreadsOptions
  readonly #threads: Thread[] = []
  /** Those that were stuck, each with the run that held it up. */
  readonly #apart = new Set<Thread>()
  readonly #of = new Map<RunKey, Thread>()
  readonly #timer: NodeJS.Timeout
  readonly #stuckMs: number
  readonly #giveUpMs: number
  readonly #most: number
  #next = 0
  #closed = false

  constructor(options: FlowThreadsOptions) {
    this.#options = options
    this.#stuckMs = options.stuckMs ?? 5_000
    this.#giveUpMs = options.giveUpMs ?? 60_000
    this.#most = options.threads ?? Math.max(2, Math.min(4, availableParallelism()))
    this.#spawn()
    this.#timer = setInterval(() => this.#watch(), PING_MS)
    this.#timer.unref()
  }

  /** Loads the bundle and checks parameters against the flow's schema. */
  check(bundle: BundleRef, params: Uint8Array, now: number): Promise<Checked> {
    return new Promise((settle) => this.#assign({ bundle, params, now, suspect: false, settle }))
  }

  /** Starts a flow in the thread with the fewest; returns the key that its messages carry. */
  start(flow: FlowStart): RunKey {
    const thread = this.#idlest()
    const key = `${flow.run}#${++this.#next}`
    thread.runs.add(key)
    this.#of.set(key, thread)
    thread.outbox.send({ type: 'start', key, ...flow })
    return key
  }

  send(key: RunKey, message: ToThread): void {
    this.#of.get(key)?.outbox.send(message)
  }

  /** Forgets a run, whether it ended or not. */
  drop(key: RunKey): void {
    const thread = this.#of.get(key)
    this.#of.delete(key)
    thread?.runs.delete(key)
    thread?.outbox.send({ type: 'drop', key })
    if (thread && thread.runs.size === 0 && !this.#threads.includes(thread)) void thread.worker.terminate()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    clearInterval(this.#timer)
    await Promise.all([...this.#threads, ...this.#apart].map(({ worker }) => worker.terminate()))
  }

  #spawn(): Thread {
    const shared = new SharedArrayBuffer(4)
    const worker = new Worker(new URL('./flow-thread.ts', import.meta.url), {
      workerData: { current: shared },
      env: this.#options.environment,
    })
    const thread: Thread = {
      worker,
      outbox: new Outbox<ToThread>(worker),
      current: new Int32Array(shared),
      runs: new Set(),
      answeredAt: Number.POSITIVE_INFINITY,
      checks: new Map(),
    }
    worker.on('message', (message) => this.#receive(thread, message))
    let cause = 'it ended'
    worker.on('error', (error) => {
      cause = String((error as Error)?.message ?? error)
    })
    worker.on('exit', () => this.#lose(thread, `its thread ended: ${cause}`))
    this.#threads.push(thread)
    return thread
  }

  #receive(thread: Thread, packed: unknown): void {
    thread.answeredAt = performance.now()
    for (const message of openMail<FromThread>(packed)) {
      if (message.type === 'checked') {
        thread.checks.get(message.id)?.settle(message.checked)
        thread.checks.delete(message.id)
      } else if (message.type !== 'pong' && thread.runs.has(message.key)) {
        this.#options.onMessage(message.key, message)
      }
    }
  }

  // There are no more than were ever busy at once: each takes its share of memory.
  #idlest(): Thread {
    const idlest = this.#threads.reduce((best, each) => (each.runs.size < best.runs.size ? each : best))
    return idlest.runs.size > 0 && this.#threads.length < this.#most ? this.#spawn() : idlest
  }

  #culprit(thread: Thread): RunKey | undefined {
    const index = Atomics.load(thread.current, 0)
    return [...thread.runs].find((key) => key.endsWith(`#${index}`))
  }

  #watch(): void {
    const now = performance.now()
    for (const thread of [...this.#threads]) {
      if (now - thread.answeredAt > this.#stuckMs && (thread.runs.size > 0 || thread.checks.size > 0))
        this.#replace(thread)
      else thread.outbox.send({ type: 'ping', id: 0 })
    }
    // One that answers again was held up for a while only: its run goes on, be it for days.
    for (const thread of this.#apart) {
      if (now - thread.answeredAt > this.#stuckMs + this.#giveUpMs) void thread.worker.terminate()
      else thread.outbox.send({ type: 'ping', id: 0 })
    }
  }

  // The stuck thread stays with its culprit, outside of the pool, until that run ends or is given up.
  #replace(thread: Thread): void {
    this.#threads.splice(this.#threads.indexOf(thread), 1)
    this.#spawn()
    const culprit = this.#culprit(thread)
    const others = [...thread.runs].filter((key) => key !== culprit)
    this.#moveChecks(thread, culprit, 'the code that was being loaded keeps its thread busy')
    for (const key of others) this.#forget(thread, key)
    this.#options.onMoved(others, undefined, 'another run keeps its thread busy')
    if (culprit === undefined) void thread.worker.terminate()
    else this.#apart.add(thread)
  }

  #lose(thread: Thread, why: string): void {
    const at = this.#threads.indexOf(thread)
    if (at >= 0) this.#threads.splice(at, 1)
    this.#apart.delete(thread)
    if (this.#closed) return
    if (at >= 0) this.#spawn()
    const culprit = this.#culprit(thread)
    const keys = [...thread.runs]
    for (const key of keys) this.#forget(thread, key)
    this.#moveChecks(thread, culprit, why)
    if (keys.length > 0) this.#options.onMoved(keys, culprit, why)
  }

  #forget(thread: Thread, key: RunKey): void {
    this.#of.delete(key)
    thread.runs.delete(key)
  }

  #assign(check: Check): void {
    const thread = this.#idlest()
    const id = ++this.#next
    const { bundle, params, now } = check
    thread.checks.set(id, check)
    thread.outbox.send({ type: 'check', id, bundle, params, now })
  }

  // Checks are done again elsewhere, unless it was one of them: that shows when it happens a second time.
  #moveChecks(thread: Thread, culprit: RunKey | undefined, message: string): void {
    const checks = [...thread.checks.values()]
    thread.checks.clear()
    for (const check of checks) {
      const suspect = culprit === undefined
      if (!suspect) this.#assign(check)
      else if (!check.suspect) this.#assign({ ...check, suspect })
      else check.settle({ ok: false, error: { code: 'BUNDLE_FAILED', name: 'Error', message } })
    }
  }
}
