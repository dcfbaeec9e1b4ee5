/** The programs that run here, each in a process group of its own. */
import { ProgramSpec } from '#shared/contract/command.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { type Failure, toFailure } from '#shared/contract/failure.ts'
import type { LogLine } from '#shared/contract/log-lines.ts'
import { decodeValue, encodeValue } from '#shared/wire/value.ts'
import type { HeldTask } from '../held-task.ts'
import { outOfMemory } from '../host/task-hosts.ts'
import { groupResidentBytes } from '../resources/memory-use.ts'
import type { Executed } from '../slots.ts'
import { type RunningProgram, runProgram } from './run-program.ts'

export type ProgramsOptions = {
  environment: NodeJS.ProcessEnv
  onExecuted(task: HeldTask, executed: Executed): void
  onLog(task: HeldTask, lines: LogLine[]): void
  /** It has ended, and what it was given is free. */
  onFree(task: HeldTask): void
}

const WATCH_MS = 250

export class Programs {
  readonly #options: ProgramsOptions
  readonly #running = new Map<HeldTask, RunningProgram | undefined>()
  #watching: NodeJS.Timeout | undefined

  constructor(options: ProgramsOptions) {
    this.#options = options
  }

  *running(): Iterable<{ task: HeldTask; since: number }> {
    for (const task of this.#running.keys()) yield { task, since: task.since }
  }

  /** @param environment added to that of the worker. */
  start(task: HeldTask, environment: Readonly<Record<string, string>> | undefined): void {
    const from = performance.now()
    const finish = (outcome: { result: Uint8Array } | { error: Failure }): void => {
      this.#running.delete(task)
      task.end = undefined
      this.#options.onExecuted(task, {
        startedAt: task.startedAt,
        endedAt: Date.now(),
        ms: performance.now() - from,
        ...outcome,
      })
      this.#options.onFree(task)
    }
    this.#running.set(task, undefined)
    let spec: ProgramSpec
    try {
      spec = ProgramSpec.parse(decodeValue(task.material?.value ?? new Uint8Array()))
    } catch (cause) {
      const message = `the program's specification is malformed: ${(cause as Error).message}`
      return finish({ error: toFailure(new QubusError('INVALID_OPTION', message), 'INVALID_OPTION') })
    }
    const { run, step, attempt } = task.id
    const program = runProgram(spec, {
      environment: {
        ...this.#options.environment,
        ...environment,
        QUBUS_RUN: run,
        QUBUS_STEP: String(step),
        QUBUS_ATTEMPT: String(attempt),
      },
      onLine: (stream, text) =>
        this.#options.onLog(task, [
          { at: Date.now(), level: stream === 'stderr' ? 'warn' : 'info', stream, text },
        ]),
    })
    this.#running.set(task, program)
    task.end = program.end
    this.#watch()
    program.result.then(
      (output) => finish({ result: encodeValue(output, 'the result of the program') }),
      (error: unknown) => finish({ error: toFailure(error, 'PROGRAM_FAILED') }),
    )
  }

  endAll(why: QubusError): void {
    for (const task of this.#running.keys()) task.end?.(why)
  }

  // Only while one has a limit: to look through all processes of a node costs a millisecond.
  #watch(): void {
    this.#watching ??= setInterval(() => {
      let limited = false
      for (const [task, program] of this.#running) {
        const limit = task.command.memoryLimit
        if (limit === undefined || program?.group === undefined) continue
        limited = true
        const bytes = groupResidentBytes(program.group)
        if (bytes > limit) program.end(outOfMemory(limit, bytes))
      }
      if (limited) return
      clearInterval(this.#watching)
      this.#watching = undefined
    }, WATCH_MS)
    this.#watching.unref()
  }
}
