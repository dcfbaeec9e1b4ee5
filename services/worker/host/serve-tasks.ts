/** Runs task functions, one at a time, and keeps their bundles warm: the same in a thread and in a process. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { format } from 'node:util'
import { getHeapStatistics } from 'node:v8'
import { Outbox, openMail } from '#shared/actor/mailbox.ts'
import { type LoadedBundle, loadBundle } from '#shared/bundle/loaded-bundle.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { type Failure, toFailure } from '#shared/contract/failure.ts'
import { installRuntime, type TaskContext } from '#shared/flow/runtime.ts'
import { monotonicMs } from '#shared/process/monotonic.ts'
import { decodeValue, encodeValue } from '#shared/wire/value.ts'
import type { Begun, FromHost, TaskDone, TaskOrder, ToHost } from './protocol.ts'

type Artifacts = NonNullable<TaskDone['artifacts']>
type Running = { number: number; context: TaskContext }

export type ServeOptions = {
  port: { postMessage(packed: Uint8Array, transfer: readonly ArrayBuffer[]): void }
  /** Says which task runs from here on; number 0 for none. */
  begun(begun: Begun): void
}

/** More than this, in bytes, left behind by what was run here: a new host is better. */
const WORN_BYTES = 512 * 1024 ** 2
const LOOK_MS = 1_000

/** Returns what takes the worker's mail. */
export function serveTasks(options: ServeOptions): (mail: unknown) => void {
  const host = new ServingHost(options)
  return (mail) => host.receive(mail)
}

class ServingHost {
  readonly #options: ServeOptions
  readonly #outbox: Outbox<FromHost>
  readonly #place = new AsyncLocalStorage<Running>()
  readonly #bundles = new Map<string, LoadedBundle>()
  readonly #ended = new Map<number, string>()
  readonly #aborts = new Map<number, AbortController>()
  readonly #queue: TaskOrder[] = []
  #current = 0
  #busy = false
  #lookedAt = 0

  constructor(options: ServeOptions) {
    this.#options = options
    this.#outbox = new Outbox<FromHost>(options.port)
    process.setSourceMapsEnabled(true)
    installRuntime({ flow: () => undefined, task: () => this.#place.getStore()?.context })
    catchConsole(() => this.#place.getStore()?.context)
    process.on('uncaughtException', (error) => this.#blame(error))
    process.on('unhandledRejection', (error) => this.#blame(error))
  }

  receive(mail: unknown): void {
    for (const each of openMail<ToHost>(mail)) {
      if (each.type === 'run') this.#queue.push(...each.tasks)
      else {
        this.#ended.set(each.number, each.message)
        this.#aborts.get(each.number)?.abort(new QubusError('CANCELLED', each.message))
      }
    }
    if (!this.#busy) void this.#work()
  }

  async #work(): Promise<void> {
    this.#busy = true
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      this.#outbox.send(await this.#runTask(next))
    }
    this.#begun(0, 0)
    this.#busy = false
    this.#lookForWear()
  }

  #begun(number: number, since: number): void {
    this.#current = number
    this.#options.begun({ number, since })
  }

  async #runTask(order: TaskOrder): Promise<TaskDone> {
    const startedAt = Date.now()
    const from = performance.now()
    this.#begun(order.number, monotonicMs())
    const abort = new AbortController()
    this.#aborts.set(order.number, abort)
    const artifacts: Artifacts = []
    const running: Running = {
      number: order.number,
      context: this.#contextOf(order, abort.signal, artifacts),
    }
    const done = (outcome: { result: Uint8Array } | { error: Failure }): TaskDone => {
      this.#aborts.delete(order.number)
      this.#ended.delete(order.number)
      return {
        type: 'done',
        number: order.number,
        startedAt,
        endedAt: Date.now(),
        ms: performance.now() - from,
        artifacts: artifacts.length > 0 ? artifacts : undefined,
        ...outcome,
      }
    }
    const restore = order.env === undefined ? undefined : setEnvironment(order.env)
    try {
      const why = this.#ended.get(order.number)
      if (why !== undefined) throw new QubusError('CANCELLED', why)
      const bundle = this.#bundles.get(order.file) ?? (await this.#load(order.file))
      const task = bundle.registry.tasks.get(order.name)
      if (task === undefined) throw unknownTask(order.name, bundle)
      const args = decodeValue(order.args) as never[]
      const value = this.#place.run(running, task.fn, ...args)
      const result = value instanceof Promise ? await value : value
      return done({ result: encodeValue(result, `the result of task ${JSON.stringify(order.name)}`) })
    } catch (error) {
      return done({ error: toFailure(error, 'TASK_FAILED') })
    } finally {
      restore?.()
    }
  }

  // What the task that runs now left to fail ends the host, and with it the task; what an earlier one left is not its fault.
  #blame(error: unknown): void {
    const of = this.#place.getStore()
    if (of === undefined || of.number === this.#current) throw error
    process.emitWarning(
      `task ${JSON.stringify(of.context.name)} of run ${of.context.run} had ended when something it left behind failed: ${String(error)}`,
    )
  }

  async #load(file: string): Promise<LoadedBundle> {
    const bundle = await loadBundle(file)
    this.#bundles.set(file, bundle)
    return bundle
  }

  #contextOf(order: TaskOrder, signal: AbortSignal, artifacts: Artifacts): TaskContext {
    const { run, step, attempt, name, pool, cores, gpus } = order
    return {
      run,
      step,
      attempt,
      name,
      pool,
      idempotencyKey: `${run}.${step}`,
      signal,
      cores,
      gpus: [...gpus],
      log: (level, text, fields) =>
        this.#outbox.send({
          type: 'log',
          number: order.number,
          lines: [
            {
              at: Date.now(),
              level,
              stream: 'log',
              text,
              ...(fields === undefined ? {} : { fields }),
            },
          ],
        }),
      artifact: (key, type, value) =>
        void artifacts.push({ key, type, value: encodeValue(value, `artifact ${JSON.stringify(key)}`) }),
    }
  }

  #lookForWear(): void {
    const now = Date.now()
    if (now - this.#lookedAt < LOOK_MS) return
    this.#lookedAt = now
    const { used_heap_size, external_memory } = getHeapStatistics()
    if (used_heap_size + external_memory > WORN_BYTES) this.#outbox.send({ type: 'worn' })
  }
}

function setEnvironment(env: Readonly<Record<string, string>>): () => void {
  const before = Object.keys(env).map((key): [string, string | undefined] => [key, process.env[key]])
  Object.assign(process.env, env)
  return () => {
    for (const [key, value] of before) {
      if (value === undefined) delete process.env[key]
      else process.env[key] = value
    }
  }
}

function unknownTask(name: string, { registry }: LoadedBundle): QubusError {
  const known = [...registry.tasks.keys()].map((each) => JSON.stringify(each)).join(', ') || 'none'
  return new QubusError(
    'UNKNOWN_TASK',
    `no task ${JSON.stringify(name)} is defined when the file is loaded: define it at the top level, not inside a flow or a condition; there is: ${known}`,
  )
}

/** What a task prints is part of its run's log. */
function catchConsole(current: () => TaskContext | undefined): void {
  for (const [method, level] of [
    ['log', 'info'],
    ['info', 'info'],
    ['debug', 'debug'],
    ['warn', 'warn'],
    ['error', 'error'],
  ] as const) {
    const real = console[method].bind(console)
    console[method] = (...args: unknown[]) => {
      const context = current()
      if (context) context.log(level, format(...args))
      else real(...args)
    }
  }
}
