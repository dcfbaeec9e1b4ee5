/** Does what a flow asks for, in this process: tasks and programs for real, circuits in the embedded engine. */
import { attemptDraft, outcomeDraft } from '#shared/actor/step-records.ts'
import type { Draft } from '#shared/bus/publisher.ts'
import {
  AllocationCommand,
  CircuitCommand,
  CircuitSpec,
  ProgramSpec,
  TaskCommand,
} from '#shared/contract/command.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { toFailure } from '#shared/contract/failure.ts'
import type { LogLine } from '#shared/contract/log-lines.ts'
import { Permit } from '#shared/contract/permit.ts'
import type { Artifact } from '#shared/contract/step-record.ts'
import { parseCommandSubject, record, type StepIdentity } from '#shared/contract/subjects.ts'
import type { TaskContext } from '#shared/flow/runtime.ts'
import { decode } from '#shared/wire/message.ts'
import { decodeValue, encodeValue } from '#shared/wire/value.ts'
import { place } from '../../services/coordinator/thread/flow-place.ts'
import { createEngine, type Engine } from '../../services/vqpu/engine/engine.ts'
import { runProgram } from '../../services/worker/program/run-program.ts'
import type { MemoryLog } from './memory.ts'
import type { VirtualTime } from './virtual-time.ts'

/** A task's function. */
export type TaskFunction = (...args: never[]) => unknown

export type WorkOptions = {
  time: VirtualTime
  log: MemoryLog
  findTask(name: string): TaskFunction | undefined
  onLines(run: string, step: number, lines: LogLine[]): void
}

type Command = {
  kind: string
  name: string
  digest: string
  queuedAt: number
  timeoutSeconds?: number | undefined
}
type Running = { id: StepIdentity; abort: AbortController }
type Done = { result: Uint8Array; artifacts?: Artifact[] }

const HERE = { writer: 'test', node: 'test' }

export class Work implements AsyncDisposable {
  readonly #options: WorkOptions
  readonly #running = new Set<Running>()
  #engine: Promise<Engine> | undefined

  constructor(options: WorkOptions) {
    this.#options = options
  }

  task({ subject, body }: Draft): void {
    const command = decode(TaskCommand, body)
    const { target, ...id } = parseCommandSubject(subject)
    this.#execute(id, command, (signal) =>
      command.kind === 'program'
        ? this.#program(id, command, signal)
        : this.#task(id, command, target, signal),
    )
  }

  circuit({ subject, body }: Draft): void {
    const command = decode(CircuitCommand, body)
    const { target: _target, ...id } = parseCommandSubject(subject)
    this.#execute(id, command, async (signal) => {
      const spec = CircuitSpec.parse(valueIn(command))
      this.#engine ??= createEngine('embedded')
      const engine = await this.#engine
      const { engine: name, version, ...ran } = await engine.run({ ...given(spec), id: subject }, signal)
      return {
        result: encodeValue(
          { ...ran, device: spec.device, engine: name, engineVersion: version },
          'the result',
        ),
      }
    })
  }

  /** A place of a named limit: a test has as many as there are steps. */
  permit({ body }: Draft): void {
    const { command } = decode(Permit, body)
    if (command.stream === 'TASKS') this.task(command)
    else if (command.stream === 'SUBMISSIONS') this.circuit(command)
  }

  allocation({ body }: Draft): void {
    const command = decode(AllocationCommand, body)
    const { run, step, attempt, device, engine } = command
    this.#execute({ run, step, attempt }, command, async () => ({
      result: encodeValue({ id: device, engine }, 'the device'),
    }))
  }

  /** The log says that some of what runs is wanted no more. */
  look(run: string): void {
    for (const { id, abort } of this.#running)
      if (id.run === run && this.#isOver(id))
        abort.abort(new QubusError('CANCELLED', 'nobody wants it any more'))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { abort } of this.#running) abort.abort(new QubusError('CANCELLED', 'the test has ended'))
    await (await this.#engine)?.[Symbol.asyncDispose]()
  }

  #isOver({ run, step }: StepIdentity): boolean {
    return this.#options.log.has(record(run).outcome(step)) || this.#options.log.has(record(run).completed)
  }

  #execute(id: StepIdentity, command: Command, work: (signal: AbortSignal) => Promise<Done>): void {
    const { time, log } = this.#options
    const running: Running = { id, abort: new AbortController() }
    const { signal } = running.abort
    const { timeoutSeconds: limit } = command
    const startedAt = time.now()
    this.#running.add(running)
    const timer =
      limit === undefined
        ? undefined
        : time.at(startedAt + limit * 1000, () =>
            running.abort.abort(new QubusError('TIMEOUT', `the attempt took longer than its ${limit} s`)),
          )
    const aborted = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    })
    const done = Promise.race([work(signal), aborted]).then(
      ({ result, artifacts }) =>
        outcomeDraft(
          HERE,
          id,
          command as never,
          { startedAt, endedAt: time.now() },
          { inline: result },
          artifacts,
        ),
      (error: unknown) =>
        attemptDraft(
          HERE,
          id,
          command as never,
          { startedAt, endedAt: time.now() },
          toFailure(error, 'TASK_FAILED'),
        ),
    )
    void time.during(
      done.then(async (draft) => {
        timer?.clear()
        this.#running.delete(running)
        if (!this.#isOver(id)) await log.create(draft)
      }),
    )
  }

  async #task(id: StepIdentity, command: TaskCommand, pool: string, signal: AbortSignal): Promise<Done> {
    const { findTask, onLines, time } = this.#options
    const fn = findTask(command.name)
    if (fn === undefined)
      throw new QubusError(
        'UNKNOWN_TASK',
        `no task ${JSON.stringify(command.name)} is defined at the top level`,
      )
    const artifacts: Artifact[] = []
    const context: TaskContext = {
      ...id,
      name: command.name,
      pool,
      idempotencyKey: `${id.run}.${id.step}`,
      signal,
      gpus: [],
      log: (level, text, fields) =>
        onLines(id.run, id.step, [
          { at: time.now(), level, stream: 'log', text, ...(fields === undefined ? {} : { fields }) },
        ]),
      artifact: (key, type, value) =>
        void artifacts.push({
          key,
          type,
          payload: { inline: encodeValue(value, `artifact ${JSON.stringify(key)}`) },
          at: time.now(),
        }),
    }
    const args = valueIn(command) as never[]
    const value = await place.run(
      { run: undefined, context: undefined, pure: undefined, task: context },
      () => fn(...args),
    )
    const result = encodeValue(value, `the result of task ${JSON.stringify(command.name)}`)
    return artifacts.length > 0 ? { result, artifacts } : { result }
  }

  async #program(id: StepIdentity, command: TaskCommand, signal: AbortSignal): Promise<Done> {
    const { onLines, time } = this.#options
    const program = runProgram(ProgramSpec.parse(valueIn(command)), {
      environment: process.env,
      onLine: (stream, text) =>
        onLines(id.run, id.step, [
          { at: time.now(), level: stream === 'stderr' ? 'warn' : 'info', stream, text },
        ]),
    })
    signal.addEventListener('abort', () => program.end(signal.reason as QubusError), { once: true })
    return { result: encodeValue(await program.result, 'the result of the program') }
  }
}

function valueIn({ payload }: { payload: TaskCommand['payload'] }): unknown {
  if (!('inline' in payload)) throw new QubusError('INTERNAL', 'a test keeps every value in memory')
  return decodeValue(payload.inline)
}

/** What was said, without what was left out. */
function given<T extends object>(options: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never
}
