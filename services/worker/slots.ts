/** The slots of a worker: each runs one task at a time, in a thread, or one program. */

import { gather } from '#shared/bus/gather.ts'
import { ProgramSpec } from '#shared/contract/command.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { type Failure, toFailure } from '#shared/contract/failure.ts'
import type { LogLine } from '#shared/contract/log-lines.ts'
import type { Artifact } from '#shared/contract/step-record.ts'
import { decodeValue, encodeValue } from '#shared/wire/value.ts'
import type { HeldTask } from './held-task.ts'
import { chunkLimit, meanAfter } from './pace.ts'
import { runProgram } from './program/run-program.ts'
import { TaskThreads } from './thread/task-threads.ts'

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
  slots: number
  environment: NodeJS.ProcessEnv
  onExecuted(task: HeldTask, executed: Executed): void
  onLog(task: HeldTask, lines: LogLine[]): void
}

export class Slots implements AsyncDisposable {
  readonly #options: SlotsOptions
  readonly #threads: TaskThreads
  readonly #programs = new Map<HeldTask, number>()
  readonly #means = new Map<string, number>()
  #queue: HeldTask[] = []
  readonly #gather = gather(() => this.#dispatch())

  constructor(options: SlotsOptions) {
    this.#options = options
    this.#threads = new TaskThreads({
      threads: options.slots,
      environment: options.environment,
      onDone: (task, done) => {
        const kind = kindOf(task)
        this.#means.set(kind, meanAfter(this.#means.get(kind), done.ms))
        options.onExecuted(task, done)
      },
      onLog: options.onLog,
      onCrash: (culprit, error, others) => {
        const now = Date.now()
        if (culprit)
          options.onExecuted(culprit, {
            startedAt: culprit.startedAt || now,
            endedAt: now,
            ms: 0,
            error: toFailure(error, 'TASK_FAILED'),
          })
        // One that was cancelled meanwhile, or whose end is being recorded, does not start again.
        const again = others.filter((task) => task.state === 'running')
        for (const task of again) task.state = 'queued'
        this.#queue = again.concat(this.#queue)
      },
      onFree: () => this.#schedule(),
    })
  }

  queue(task: HeldTask): void {
    this.#queue.push(task)
    this.#schedule()
  }

  /** What runs now, and since when (Unix milliseconds). */
  *running(): Iterable<{ task: HeldTask; startedAt: number }> {
    yield* this.#threads.running()
    for (const [task, startedAt] of this.#programs) yield { task, startedAt }
  }

  /** Ends what has taken longer than its time-out. */
  enforceTimeouts(now: number): void {
    for (const { task, startedAt } of this.running()) {
      const limit = task.command.timeoutSeconds
      if (limit === undefined || now - startedAt < limit * 1000 || task.end === undefined) continue
      const { end } = task
      const error = new QubusError('TIMEOUT', `the attempt took longer than its ${limit} s`)
      // Recorded at once: the next attempt need not wait for this one to obey.
      this.#options.onExecuted(task, {
        startedAt,
        endedAt: now,
        ms: now - startedAt,
        error: toFailure(error, 'TIMEOUT'),
      })
      end(error)
      task.end = undefined
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const task of this.#programs.keys()) task.end?.(new QubusError('CANCELLED', 'the worker ends'))
    await this.#threads[Symbol.asyncDispose]()
  }

  #schedule(): void {
    if (this.#queue.length > 0) this.#gather()
  }

  #dispatch(): void {
    let at = 0
    while (at < this.#queue.length && this.#threads.busy + this.#programs.size < this.#options.slots) {
      const first = this.#queue[at++] as HeldTask
      if (first.state !== 'queued') continue
      if (first.command.kind === 'program') {
        this.#startProgram(first)
        continue
      }
      const kind = kindOf(first)
      const limit = chunkLimit(this.#means.get(kind), this.#queue.length - at + 1, this.#options.slots)
      const chunk = [first]
      while (chunk.length < limit && at < this.#queue.length) {
        const next = this.#queue[at] as HeldTask
        if (next.state === 'queued' && kindOf(next) !== kind) break
        if (next.state === 'queued') chunk.push(next)
        at++
      }
      for (const task of chunk) {
        task.state = 'running'
        task.startedAt = Date.now()
      }
      this.#threads.run(chunk)
    }
    this.#queue.splice(0, at)
  }

  #startProgram(task: HeldTask): void {
    task.state = 'running'
    task.startedAt = Date.now()
    const from = performance.now()
    const finish = (outcome: { result: Uint8Array } | { error: Failure }): void => {
      this.#programs.delete(task)
      task.end = undefined
      this.#options.onExecuted(task, {
        startedAt: task.startedAt,
        endedAt: Date.now(),
        ms: performance.now() - from,
        ...outcome,
      })
      this.#schedule()
    }
    this.#programs.set(task, task.startedAt)
    let spec: ProgramSpec
    try {
      spec = ProgramSpec.parse(decodeValue(task.material?.value ?? new Uint8Array()))
    } catch (error) {
      return finish({
        error: toFailure(
          new QubusError(
            'INVALID_OPTION',
            `the program's specification is malformed: ${(error as Error).message}`,
          ),
          'INVALID_OPTION',
        ),
      })
    }
    const environment = {
      ...this.#options.environment,
      QUBUS_RUN: task.id.run,
      QUBUS_STEP: String(task.id.step),
      QUBUS_ATTEMPT: String(task.id.attempt),
    }
    const program = runProgram(spec, {
      environment,
      onLine: (stream, text) =>
        this.#options.onLog(task, [
          { at: Date.now(), level: stream === 'stderr' ? 'warn' : 'info', stream, text },
        ]),
    })
    task.end = program.end
    program.result.then(
      (output) => finish({ result: encodeValue(output, 'the result of the program') }),
      (error: unknown) => finish({ error: toFailure(error, 'PROGRAM_FAILED') }),
    )
  }
}

/** Tasks of one kind take about the same time. */
function kindOf({ command, material }: HeldTask): string {
  return command.kind === 'program' ? 'program' : `${material?.file} ${command.name}`
}
