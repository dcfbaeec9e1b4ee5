/**
 * Runs tasks and programs in what this worker has: each takes its cores, memory and GPUs for as long as it runs. Tasks
 * of different shapes take turns; one that has waited long enough is kept room for, so that small ones can't keep a
 * large one from ever beginning.
 */
import { gather } from '#shared/bus/gather.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { type Failure, toFailure } from '#shared/contract/failure.ts'
import type { LogLine } from '#shared/contract/log-lines.ts'
import type { Shape } from '#shared/contract/shape.ts'
import type { Artifact } from '#shared/contract/step-record.ts'
import { type GpuKind, gpuEnvironment } from '#shared/process/gpus.ts'
import { monotonicMs } from '#shared/process/monotonic.ts'
import { type HeldTask, kindOf } from './held-task.ts'
import { TaskHosts } from './host/task-hosts.ts'
import { chunkLimit, meanAfter } from './pace.ts'
import { Programs } from './program/programs.ts'
import { fitting, type Grant, Resources, type Stock, shapeOfQueue, without } from './resources/resources.ts'
import { ShapeTurns } from './shape-turns.ts'

/** What an execution came to. Times in Unix milliseconds, `ms` as measured. */
export type Executed = {
  startedAt: number
  endedAt: number
  ms: number
  result?: Uint8Array | undefined
  error?: Failure | undefined
  artifacts?: { key: string; type: Artifact['type']; value: Uint8Array }[] | undefined
}

export type SlotsOptions = {
  stock: Stock
  gpuKind: GpuKind | undefined
  environment: NodeJS.ProcessEnv
  onExecuted(task: HeldTask, executed: Executed): void
  onLog(task: HeldTask, lines: LogLine[]): void
  /** It runs, and has for so long: said a few times a second. */
  onRunning(task: HeldTask, forMs: number): void
  /** More can run than before. */
  onRoom(): void
}

/** How often what runs is looked at. */
const LOOK_MS = 100

/** A task that has not found room for so long is kept room for. */
const PATIENCE_MS = 1_000

export class Slots implements AsyncDisposable {
  readonly #options: SlotsOptions
  readonly #resources: Resources
  readonly #hosts: TaskHosts
  readonly #programs: Programs
  readonly #means = new Map<string, number>()
  readonly #turns = new ShapeTurns()
  /** What was taken for a task, or for all that run in its host one after the other. */
  readonly #grants = new Map<HeldTask, Grant>()
  /** How many grants there are of each shape. */
  readonly #inUse = new Map<string, number>()
  /** Somebody waits for this in the queue, and finds no room here. */
  #wanted: Shape | undefined
  readonly #gather = gather(() => this.#dispatch())
  #looking: NodeJS.Timeout | undefined

  constructor(options: SlotsOptions) {
    this.#options = options
    this.#resources = new Resources(options.stock)
    this.#hosts = new TaskHosts({
      environment: options.environment,
      onDone: (task, done) => {
        const kind = kindOf(task)
        this.#means.set(kind, meanAfter(this.#means.get(kind), done.ms))
        options.onExecuted(task, done)
      },
      onLog: options.onLog,
      onCrash: (culprit, error, others) => this.#crashed(culprit, error, others),
      onFree: (first) => this.#give(first),
    })
    this.#programs = new Programs({
      environment: options.environment,
      onExecuted: options.onExecuted,
      onLog: options.onLog,
      onFree: (task) => this.#give(task),
    })
  }

  queue(task: HeldTask): void {
    this.#turns.add(task)
    this.#gather()
  }

  /** How many of a shape can run at once, those that run already among them. */
  slotsFor(token: string): number {
    return this.#roomFor(shapeOfQueue(token)) + (this.#inUse.get(token) ?? 0)
  }

  #roomFor(shape: Shape): number {
    const { free } = this.#resources
    const reserved = this.#reserved()
    const mine = reserved === undefined || same(reserved, shape)
    return fitting(shape, mine ? free : without(free, reserved))
  }

  /** Whether one of the shape could ever run here. */
  fitsEver(token: string): boolean {
    return fitting(shapeOfQueue(token), this.#resources.all) > 0
  }

  /** Keeps room for a shape that waits in the queue; undefined: for none any more. */
  keepRoomFor(token: string | undefined): void {
    this.#wanted = token === undefined ? undefined : shapeOfQueue(token)
    if (token === undefined) this.#gather()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#looking)
    this.#programs.endAll(new QubusError('CANCELLED', 'the worker ends'))
    await this.#hosts[Symbol.asyncDispose]()
  }

  #reserved(): Shape | undefined {
    return this.#turns.longestWaiting(performance.now() - PATIENCE_MS) ?? this.#wanted
  }

  #dispatch(): void {
    for (;;) {
      const next = this.#turns.next((shape) => this.#roomFor(shape) > 0)
      if (next === undefined) return
      const { shape, tasks } = next
      const first = tasks[0] as HeldTask
      const chunk = [first, ...this.#more(first, tasks.length - 1, next.take)]
      const grant = this.#resources.take(shape)
      if (grant === undefined) return
      if (this.#wanted && same(this.#wanted, shape)) this.#wanted = undefined
      for (const task of chunk) {
        task.state = 'running'
        task.startedAt = Date.now()
        task.since = monotonicMs()
      }
      this.#looking ??= setInterval(() => this.#look(), LOOK_MS)
      this.#grants.set(first, grant)
      this.#inUse.set(first.shape, (this.#inUse.get(first.shape) ?? 0) + 1)
      const environment = this.#environmentOf(first, grant)
      if (first.command.kind === 'program') this.#programs.start(first, environment)
      else
        this.#hosts.run(chunk, {
          cores: shape.cores,
          gpus: grant.gpus,
          ...(environment === undefined ? {} : { env: environment }),
        })
    }
  }

  // Short tasks of one kind go to a host together: what they cost on the way is then paid once.
  #more(first: HeldTask, queued: number, take: (kind: string, most: number) => HeldTask[]): HeldTask[] {
    if (first.command.kind === 'program' || queued === 0) return []
    const kind = kindOf(first)
    const limit = chunkLimit(this.#means.get(kind), queued + 1, this.#options.stock.cores)
    return take(kind, limit - 1)
  }

  #environmentOf({ command }: HeldTask, { gpus, shape }: Grant): Record<string, string> | undefined {
    const environment = this.#options.gpuKind === undefined ? {} : gpuEnvironment(this.#options.gpuKind, gpus)
    // What divides its work among threads by itself would take the whole node.
    if (command.kind === 'program' && shape.cores > 1) environment['OMP_NUM_THREADS'] = String(shape.cores)
    return Object.keys(environment).length > 0 ? environment : undefined
  }

  #look(): void {
    for (const { task, since } of this.#running()) {
      const ms = monotonicMs() - since
      this.#options.onRunning(task, ms)
      const limit = task.command.timeoutSeconds
      if (limit !== undefined && ms >= limit * 1000) this.#timeOut(task, limit, ms)
    }
    if (this.#grants.size > 0) return
    clearInterval(this.#looking)
    this.#looking = undefined
  }

  /** What runs now, and since when (monotonic). */
  *#running(): Iterable<{ task: HeldTask; since: number }> {
    yield* this.#hosts.running()
    yield* this.#programs.running()
  }

  #timeOut(task: HeldTask, limit: number, ms: number): void {
    const { end } = task
    if (end === undefined) return
    const error = new QubusError('TIMEOUT', `the attempt took longer than its ${limit} s`)
    // Recorded at once: the next attempt need not wait for this one to obey.
    this.#options.onExecuted(task, {
      startedAt: Date.now() - ms,
      endedAt: Date.now(),
      ms,
      error: toFailure(error, 'TIMEOUT'),
    })
    end(error)
    task.end = undefined
  }

  #crashed(culprit: HeldTask | undefined, error: QubusError, others: HeldTask[]): void {
    const now = Date.now()
    if (culprit)
      this.#options.onExecuted(culprit, {
        startedAt: culprit.startedAt || now,
        endedAt: now,
        ms: 0,
        error: toFailure(error, 'TASK_FAILED'),
      })
    // One that was cancelled meanwhile, or whose end is being recorded, does not start again.
    const again = others.filter((task) => task.state === 'running')
    for (const task of again) task.state = 'queued'
    this.#turns.addAgain(again)
  }

  #give(first: HeldTask): void {
    const grant = this.#grants.get(first)
    this.#grants.delete(first)
    if (grant === undefined) return
    this.#resources.give(grant)
    this.#inUse.set(first.shape, (this.#inUse.get(first.shape) ?? 1) - 1)
    this.#options.onRoom()
    this.#gather()
  }
}

function same(a: Shape, b: Shape): boolean {
  return a.cores === b.cores && a.memoryMiB === b.memoryMiB && a.gpus === b.gpus
}
