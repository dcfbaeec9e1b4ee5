/** The task threads of a worker: started when needed, kept warm, replaced when they crash or do not let go. */
import { Worker } from 'node:worker_threads'
import { Outbox, openMail } from '#shared/actor/mailbox.ts'
import { QubusError } from '#shared/contract/errors.ts'
import type { LogLine } from '#shared/contract/log-lines.ts'
import type { HeldTask } from '../held-task.ts'
import { CURRENT, type FromTaskThread, type TaskDone, type ToTaskThread } from './protocol.ts'

export type TaskThreadsOptions = {
  threads: number
  environment: NodeJS.ProcessEnv
  onDone(task: HeldTask, done: TaskDone): void
  onLog(task: HeldTask, lines: LogLine[]): void
  /** The thread died while it ran `culprit`; `others` had not begun. */
  onCrash(culprit: HeldTask | undefined, error: QubusError, others: HeldTask[]): void
  onFree(): void
}

type Thread = {
  worker: Worker
  outbox: Outbox<ToTaskThread>
  current: Float64Array
  tasks: Map<number, HeldTask>
  /** Why it is being ended, when it is. */
  sentence: QubusError | undefined
}

/** How long a task may take to obey its AbortSignal before its thread is ended. */
const GRACE_MS = 5_000

export class TaskThreads implements AsyncDisposable {
  readonly #options: TaskThreadsOptions
  readonly #threads: Thread[] = []
  #number = 0
  #closed = false

  constructor(options: TaskThreadsOptions) {
    this.#options = options
  }

  /** Threads that run something. */
  get busy(): number {
    return this.#threads.filter((thread) => thread.tasks.size > 0).length
  }

  /** Gives tasks to an idle thread, which runs them one after the other. There must be one: see {@link busy}. */
  run(tasks: HeldTask[]): void {
    const thread =
      this.#threads.find((each) => each.tasks.size === 0 && each.sentence === undefined) ?? this.#spawn()
    const orders = tasks.map((task) => {
      const number = ++this.#number
      thread.tasks.set(number, task)
      task.end = (reason) => this.#end(thread, number, reason)
      const { id, command, pool, material } = task
      return {
        number,
        file: material?.file ?? '',
        name: command.name,
        args: material?.value ?? new Uint8Array(),
        pool,
        ...id,
      }
    })
    thread.outbox.send({ type: 'run', tasks: orders })
  }

  /** What runs now, and since when (Unix milliseconds). */
  *running(): Iterable<{ task: HeldTask; startedAt: number }> {
    for (const { current, tasks } of this.#threads) {
      const task = tasks.get(current[CURRENT.number] ?? 0)
      if (task) yield { task, startedAt: current[CURRENT.startedAt] ?? 0 }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()))
  }

  #spawn(): Thread {
    const shared = new SharedArrayBuffer(CURRENT.length * 8)
    const worker = new Worker(new URL('./task-thread.ts', import.meta.url), {
      workerData: { current: shared },
      env: this.#options.environment,
    })
    const thread: Thread = {
      worker,
      outbox: new Outbox<ToTaskThread>(worker),
      current: new Float64Array(shared),
      tasks: new Map(),
      sentence: undefined,
    }
    worker.on('message', (message) => this.#receive(thread, message))
    let cause: unknown
    worker.on('error', (error) => {
      cause = error
    })
    worker.on('exit', (code) => this.#lose(thread, code, cause))
    this.#threads.push(thread)
    return thread
  }

  #receive(thread: Thread, packed: unknown): void {
    for (const message of openMail<FromTaskThread>(packed)) {
      const task = thread.tasks.get(message.number)
      if (task === undefined) continue
      if (message.type === 'log') this.#options.onLog(task, message.lines)
      else {
        thread.tasks.delete(message.number)
        task.end = undefined
        this.#options.onDone(task, message)
      }
    }
    if (thread.tasks.size === 0) this.#options.onFree()
  }

  #end(thread: Thread, number: number, reason: QubusError): void {
    if (!thread.tasks.has(number)) return
    thread.outbox.send({ type: 'end', number, message: reason.message })
    setTimeout(() => {
      // A task that has not begun is dropped by the thread itself when its turn comes.
      if (!thread.tasks.has(number) || thread.current[CURRENT.number] !== number) return
      thread.sentence = reason
      void thread.worker.terminate()
    }, GRACE_MS).unref()
  }

  #lose(thread: Thread, code: number, cause: unknown): void {
    this.#threads.splice(this.#threads.indexOf(thread), 1)
    if (this.#closed) return
    const culprit = thread.tasks.get(thread.current[CURRENT.number] ?? 0)
    const others = [...thread.tasks.values()].filter((task) => task !== culprit)
    const message =
      cause === undefined
        ? `the task ended its thread (exit code ${code})`
        : `the task crashed its thread: ${(cause as Error).message ?? String(cause)}`
    this.#options.onCrash(
      culprit,
      thread.sentence ?? new QubusError('TASK_FAILED', message, { cause }),
      others,
    )
    this.#options.onFree()
  }
}
