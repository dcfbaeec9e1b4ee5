/** The hosts of a worker's tasks: started when needed, kept warm, replaced when they crash, wear out or do not let go. */
import { Outbox, openMail } from '#shared/actor/mailbox.ts'
import { QubusError } from '#shared/contract/errors.ts'
import type { LogLine } from '#shared/contract/log-lines.ts'
import type { HeldTask } from '../held-task.ts'
import { residentBytes } from '../resources/memory-use.ts'
import type { FromHost, TaskDone, TaskOrder, ToHost } from './protocol.ts'
import { type HostOptions, startProcess, startThread, type TaskHost } from './task-host.ts'

export type TaskHostsOptions = {
  environment: NodeJS.ProcessEnv
  onDone(task: HeldTask, done: TaskDone): void
  onLog(task: HeldTask, lines: LogLine[]): void
  /** The host died while it ran `culprit`; `others` had not begun. */
  onCrash(culprit: HeldTask | undefined, error: QubusError, others: HeldTask[]): void
  /** A host has nothing to do. */
  onFree(first: HeldTask): void
}

/** What a task is given of this node. */
export type Use = Pick<TaskOrder, 'cores' | 'gpus' | 'env'>

type Host = {
  /** Tasks of another kind do not run here. */
  kind: string
  host: TaskHost
  outbox: Outbox<ToHost>
  tasks: Map<number, HeldTask>
  /** Whoever was first in it: by it, what was taken for all of them is known. */
  first: HeldTask | undefined
  memoryLimit: number | undefined
  /** Why it is being ended, when it is. */
  sentence: QubusError | undefined
  worn: boolean
  idleSince: number
}

/** How long a task may take to obey its AbortSignal before its host is ended. */
const GRACE_MS = 5_000
const WATCH_MS = 100
/** A process that nobody needs is ended after so long. */
const IDLE_PROCESS_MS = 60_000

export class TaskHosts implements AsyncDisposable {
  readonly #options: TaskHostsOptions
  readonly #hosts: Host[] = []
  /** While there are processes. */
  #watching: NodeJS.Timeout | undefined
  #number = 0
  #closed = false

  constructor(options: TaskHostsOptions) {
    this.#options = options
  }

  /** Gives tasks, all of one kind, to an idle host, which runs them one after the other. */
  run(tasks: HeldTask[], use: Use): void {
    const [first] = tasks
    if (first === undefined) return
    const kind = kindOfHost(first, use)
    const host =
      this.#hosts.find(
        (each) => each.kind === kind && each.tasks.size === 0 && !each.worn && each.sentence === undefined,
      ) ?? this.#start(kind, first.command.memoryLimit)
    host.first = first
    const orders = tasks.map((task): TaskOrder => {
      const number = ++this.#number
      host.tasks.set(number, task)
      task.end = (reason) => this.#end(host, number, reason)
      const { id, command, pool, material } = task
      return {
        number,
        file: material?.file ?? '',
        name: command.name,
        args: material?.value ?? new Uint8Array(),
        pool,
        ...use,
        ...id,
      }
    })
    host.outbox.send({ type: 'run', tasks: orders })
  }

  /** What runs now, and since when (monotonic). */
  *running(): Iterable<{ task: HeldTask; since: number }> {
    for (const { host, tasks } of this.#hosts) {
      const { number, since } = host.current()
      const task = tasks.get(number)
      if (task) yield { task, since }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    this.#unwatch()
    for (const { host } of this.#hosts) host.kill()
    while (this.#hosts.length > 0) await new Promise((resolve) => setTimeout(resolve, 5))
  }

  #start(kind: string, memoryLimit: number | undefined): Host {
    const options: HostOptions = { environment: this.#options.environment, memoryLimit }
    const events = {
      onMail: (packed: unknown) => this.#receive(host, packed),
      onExit: (how: string, cause: unknown) => this.#lose(host, how, cause),
    }
    const started = kind === 'thread' ? startThread(options, events) : startProcess(options, events)
    const host: Host = {
      kind,
      host: started,
      outbox: new Outbox<ToHost>(started),
      tasks: new Map(),
      first: undefined,
      memoryLimit: kind === 'thread' ? undefined : memoryLimit,
      sentence: undefined,
      worn: false,
      idleSince: performance.now(),
    }
    this.#hosts.push(host)
    if (started.pid !== undefined) this.#watching ??= setInterval(() => this.#watch(), WATCH_MS).unref()
    return host
  }

  #receive(host: Host, packed: unknown): void {
    for (const message of openMail<FromHost>(packed)) {
      if (message.type === 'worn') {
        host.worn = true
        continue
      }
      const task = host.tasks.get(message.number)
      if (task === undefined) continue
      if (message.type === 'log') this.#options.onLog(task, message.lines)
      else {
        host.tasks.delete(message.number)
        task.end = undefined
        this.#options.onDone(task, message)
      }
    }
    if (host.tasks.size === 0) this.#free(host)
  }

  #free(host: Host): void {
    const { first } = host
    host.first = undefined
    host.idleSince = performance.now()
    if (host.worn) host.host.kill()
    if (first) this.#options.onFree(first)
  }

  #end(host: Host, number: number, reason: QubusError): void {
    if (!host.tasks.has(number)) return
    host.outbox.send({ type: 'end', number, message: reason.message })
    setTimeout(() => {
      // A task that has not begun is dropped by the host itself when its turn comes.
      if (!host.tasks.has(number) || host.host.current().number !== number) return
      host.sentence = reason
      host.host.kill()
    }, GRACE_MS).unref()
  }

  #lose(host: Host, how: string, cause: unknown): void {
    this.#hosts.splice(this.#hosts.indexOf(host), 1)
    if (this.#hosts.every((each) => each.host.pid === undefined)) this.#unwatch()
    if (this.#closed || host.tasks.size === 0) return
    const culprit = host.tasks.get(host.host.current().number)
    const others = [...host.tasks.values()].filter((task) => task !== culprit)
    host.tasks.clear()
    this.#options.onCrash(culprit, host.sentence ?? crashError(host, how, cause), others)
    this.#free(host)
  }

  #unwatch(): void {
    clearInterval(this.#watching)
    this.#watching = undefined
  }

  #watch(): void {
    const now = performance.now()
    for (const each of this.#hosts) {
      const { host, memoryLimit, tasks } = each
      if (host.pid === undefined || each.sentence !== undefined) continue
      if (tasks.size === 0) {
        if (now - each.idleSince > IDLE_PROCESS_MS) host.kill()
      } else if (memoryLimit !== undefined) {
        const bytes = residentBytes(host.pid)
        if (bytes <= memoryLimit) continue
        each.sentence = outOfMemory(memoryLimit, bytes)
        host.kill()
      }
    }
  }
}

/**
 * A limit of memory can be kept for a process only, and each process keeps one. GPUs too are a process's: what drives
 * them reads the environment once, by C's `getenv`, which sees nothing of a thread's own.
 */
function kindOfHost({ command }: HeldTask, { gpus }: Use): string {
  const { isolation, memoryLimit } = command
  if (isolation !== 'process' && memoryLimit === undefined && gpus.length === 0) return 'thread'
  return `process ${memoryLimit ?? ''} ${gpus.join(',')}`
}

function crashError({ kind, memoryLimit }: Host, how: string, cause: unknown): QubusError {
  const code = (cause as { code?: unknown } | undefined)?.code
  // V8 gives up before the limit of the process is seen to be reached.
  if (code === 'ERR_WORKER_OUT_OF_MEMORY' || (memoryLimit !== undefined && how === 'signal SIGABRT'))
    return outOfMemory(memoryLimit, undefined, cause)
  const place = kind === 'thread' ? 'thread' : 'process'
  const message =
    cause === undefined
      ? `the task ended its ${place} (${how})`
      : `the task crashed its ${place}: ${(cause as Error).message ?? String(cause)}`
  return new QubusError('TASK_FAILED', message, { cause })
}

export function outOfMemory(
  limit: number | undefined,
  bytes: number | undefined,
  cause?: unknown,
): QubusError {
  const mib = (value: number) => `${Math.round(value / 1024 ** 2)} MiB`
  const used = bytes === undefined ? 'more memory than there is for it' : `${mib(bytes)} of memory`
  const allowed =
    limit === undefined ? '' : `, ${mib(limit)} are allowed: give it more by its option "memory"`
  return new QubusError('OUT_OF_MEMORY', `the attempt used ${used}${allowed}`, {
    facts: { limit, bytes },
    ...(cause === undefined ? {} : { cause }),
  })
}
