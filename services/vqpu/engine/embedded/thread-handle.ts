import { Worker } from 'node:worker_threads'
import { QubusError } from '#shared/contract/errors.ts'
import type { Waiting } from './thread-pool.ts'
import { type FromThread, type ThreadData, type ToThread, unpackError } from './wire.ts'

/** The most that parsing may hold; a thread past it dies alone. Amplitudes are not on this heap. */
const HEAP_MEBIBYTES = 2048

type Listener = {
  /** The thread can take a circuit. */
  idle(): void
  ended(wasReady: boolean): void
}

/** One thread as its host sees it. Once ended it stays so; the pool starts another. */
export class ThreadHandle {
  state: 'starting' | 'idle' | 'busy' | 'ended' = 'starting'
  /** What ended it, if it did not end in peace. */
  failure: Error | undefined
  /** Also resolves when the thread ended without ever being ready. */
  readonly ready: Promise<void>
  readonly #worker: Worker
  readonly #data: ThreadData
  readonly #graceMs: number
  readonly #listener: Listener
  readonly #becameReady = Promise.withResolvers<void>()
  readonly #exited = Promise.withResolvers<void>()
  #current: Waiting | undefined
  #number = 0
  #wasReady = false
  #grace: NodeJS.Timeout | undefined

  constructor(program: URL, data: ThreadData, graceMs: number, listener: Listener) {
    this.#data = data
    this.#graceMs = graceMs
    this.#listener = listener
    this.ready = this.#becameReady.promise
    Atomics.store(data.cancelled, data.thread, 0)
    this.#worker = new Worker(program, {
      workerData: data,
      name: `simulator-${data.thread}`,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MEBIBYTES },
    })
    this.#worker.on('message', (message: FromThread) => this.#hear(message))
    this.#worker.on('error', (error) => {
      this.failure = error as Error
    })
    this.#worker.on('exit', (code) => this.#onExit(code))
  }

  has(waiting: Waiting): boolean {
    return this.#current === waiting
  }

  give(waiting: Waiting): void {
    this.state = 'busy'
    this.#current = waiting
    // An idle thread does not keep the process alive, a busy one does.
    this.#worker.ref()
    this.#worker.postMessage({ number: ++this.#number, job: waiting.job } satisfies ToThread)
  }

  /** Asks the circuit to stop between two steps; one that does not is ended with its thread. */
  cancel(): void {
    Atomics.store(this.#data.cancelled, this.#data.thread, this.#number)
    this.#grace ??= setTimeout(() => void this.#worker.terminate(), this.#graceMs)
  }

  async end(error: Error): Promise<void> {
    this.#current?.reject(error)
    if (this.state === 'ended') return
    void this.#worker.terminate()
    await this.#exited.promise
  }

  #hear(message: FromThread): void {
    this.state = 'idle'
    clearTimeout(this.#grace)
    this.#grace = undefined
    this.#worker.unref()
    if (message === 'ready') {
      this.#wasReady = true
      this.#becameReady.resolve()
    } else {
      const waiting = this.#current!
      this.#current = undefined
      if ('result' in message) waiting.resolve(message.result)
      else waiting.reject(unpackError(message.error))
    }
    this.#listener.idle()
  }

  #onExit(code: number): void {
    this.state = 'ended'
    clearTimeout(this.#grace)
    const why = this.failure === undefined ? `with exit code ${code}` : `: ${this.failure.message}`
    this.#current?.reject(
      new QubusError('ENGINE_FAILED', `the thread that ran the circuit ended ${why}`, {
        facts: { exitCode: code },
        cause: this.failure,
      }),
    )
    this.#current = undefined
    this.#becameReady.resolve()
    this.#exited.resolve()
    this.#listener.ended(this.#wasReady)
  }
}
