/** Entry of a task thread: keeps bundles warm and runs task functions, one at a time. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { format } from 'node:util'
import { parentPort, workerData } from 'node:worker_threads'
import { Outbox, openMail } from '#shared/actor/mailbox.ts'
import { type LoadedBundle, loadBundle } from '#shared/bundle/loaded-bundle.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { type Failure, toFailure } from '#shared/contract/failure.ts'
import type { LogLine } from '#shared/contract/log-lines.ts'
import { installRuntime, type TaskContext } from '#shared/flow/runtime.ts'
import { decodeValue, encodeValue } from '#shared/wire/value.ts'
import { CURRENT, type FromTaskThread, type TaskDone, type TaskOrder, type ToTaskThread } from './protocol.ts'

type Artifacts = NonNullable<TaskDone['artifacts']>
type Running = { number: number; context: TaskContext; abort: AbortController; artifacts: Artifacts }

const port = parentPort
if (port === null) throw new Error('task-thread.ts is the entry of a worker thread')
const current = new Float64Array((workerData as { current: SharedArrayBuffer }).current)

process.setSourceMapsEnabled(true)
const place = new AsyncLocalStorage<Running>()
installRuntime({ flow: () => undefined, task: () => place.getStore()?.context })
catchConsole()
process.on('uncaughtException', blame)
process.on('unhandledRejection', blame)

const outbox = new Outbox<FromTaskThread>(port)
const bundles = new Map<string, LoadedBundle>()
const ended = new Map<number, string>()
const aborts = new Map<number, AbortController>()
const queue: TaskOrder[] = []
let busy = false

port.on('message', (message: unknown) => {
  for (const each of openMail<ToTaskThread>(message)) {
    if (each.type === 'run') queue.push(...each.tasks)
    else {
      ended.set(each.number, each.message)
      aborts.get(each.number)?.abort(new QubusError('CANCELLED', each.message))
    }
  }
  if (!busy) void work()
})

async function work(): Promise<void> {
  busy = true
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    outbox.send(await runTask(next))
  }
  current[CURRENT.number] = 0
  busy = false
}

async function runTask(order: TaskOrder): Promise<TaskDone> {
  const startedAt = Date.now()
  const from = performance.now()
  current[CURRENT.startedAt] = startedAt
  current[CURRENT.number] = order.number
  const abort = new AbortController()
  aborts.set(order.number, abort)
  const running: Running = {
    number: order.number,
    context: contextOf(order, abort.signal, () => running.artifacts),
    abort,
    artifacts: [],
  }
  const done = (outcome: { result: Uint8Array } | { error: Failure }): TaskDone => {
    aborts.delete(order.number)
    ended.delete(order.number)
    const artifacts = running.artifacts.length > 0 ? running.artifacts : undefined
    return {
      type: 'done',
      number: order.number,
      startedAt,
      endedAt: Date.now(),
      ms: performance.now() - from,
      artifacts,
      ...outcome,
    }
  }
  try {
    const why = ended.get(order.number)
    if (why !== undefined) throw new QubusError('CANCELLED', why)
    const bundle = bundles.get(order.file) ?? (await load(order.file))
    const task = bundle.registry.tasks.get(order.name)
    if (task === undefined) throw unknownTask(order.name, bundle)
    const args = decodeValue(order.args) as never[]
    const value = place.run(running, task.fn, ...args)
    const result = value instanceof Promise ? await value : value
    return done({ result: encodeValue(result, `the result of task ${JSON.stringify(order.name)}`) })
  } catch (error) {
    return done({ error: toFailure(error, 'TASK_FAILED') })
  }
}

/** What the task that runs now left to fail ends the thread, and with it the task; what an earlier one left is not its fault. */
function blame(error: unknown): void {
  const of = place.getStore()
  if (of === undefined || of.number === current[CURRENT.number]) throw error
  process.emitWarning(
    `task ${JSON.stringify(of.context.name)} of run ${of.context.run} had ended when something it left behind failed: ${String(error)}`,
  )
}

async function load(file: string): Promise<LoadedBundle> {
  const bundle = await loadBundle(file)
  bundles.set(file, bundle)
  return bundle
}

function contextOf(order: TaskOrder, signal: AbortSignal, artifacts: () => Artifacts): TaskContext {
  const { run, step, attempt, name, pool } = order
  return {
    run,
    step,
    attempt,
    name,
    pool,
    idempotencyKey: `${run}.${step}`,
    signal,
    gpus: [],
    log: (level, text, fields) =>
      say(order.number, {
        at: Date.now(),
        level,
        stream: 'log',
        text,
        ...(fields === undefined ? {} : { fields }),
      }),
    artifact: (key, type, value) =>
      artifacts().push({ key, type, value: encodeValue(value, `artifact ${JSON.stringify(key)}`) }),
  }
}

function say(number: number, line: LogLine): void {
  outbox.send({ type: 'log', number, lines: [line] })
}

function unknownTask(name: string, { registry }: LoadedBundle): QubusError {
  const known = [...registry.tasks.keys()].map((each) => JSON.stringify(each)).join(', ') || 'none'
  return new QubusError(
    'UNKNOWN_TASK',
    `no task ${JSON.stringify(name)} is defined when the file is loaded: define it at the top level, not inside a flow or a condition; there is: ${known}`,
  )
}

/** What a task prints is part of its run's log. */
function catchConsole(): void {
  for (const [method, level] of [
    ['log', 'info'],
    ['info', 'info'],
    ['debug', 'debug'],
    ['warn', 'warn'],
    ['error', 'error'],
  ] as const) {
    const real = console[method].bind(console)
    console[method] = (...args: unknown[]) => {
      const context = place.getStore()?.context
      if (context) context.log(level, format(...args))
      else real(...args)
    }
  }
}
