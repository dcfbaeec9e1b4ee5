/** Resident threads and the circuits that wait for one. A thread has one circuit at a time. */

import { QubusError } from '#shared/contract/errors.ts'
import type { EngineJob, EngineResult } from '../engine.ts'
import { MemoryLedger } from './memory-budget.ts'
import { ThreadHandle } from './thread-handle.ts'

export type PoolOptions = {
  threads: number
  budgetBytes: number
  maxQubits: number
  /** The program that the threads run. */
  program: URL
  /** A cancelled circuit that has not stopped by then loses its thread. */
  graceMs: number
}

export type Waiting = {
  job: EngineJob
  resolve(result: EngineResult): void
  reject(error: Error): void
}

/** Threads that die this often in a row before they were ready are not started again: something is wrong with the install. */
const MAX_FAILED_STARTS = 3

export class ThreadPool implements AsyncDisposable {
  readonly #options: PoolOptions
  readonly #memory: MemoryLedger
  readonly #cancelled: Int32Array
  readonly #threads: ThreadHandle[] = []
  readonly #queue: Waiting[] = []
  #failedStarts = 0
  #closed = false

  constructor(options: PoolOptions) {
    this.#options = options
    this.#memory = MemoryLedger.create(options.threads)
    this.#cancelled = new Int32Array(new SharedArrayBuffer(4 * options.threads))
    for (let index = 0; index < options.threads; index++) this.#start(index)
  }

  /** When every thread has loaded and warmed up. */
  async ready(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.ready))
  }

  run(job: EngineJob, signal?: AbortSignal): Promise<EngineResult> {
    if (signal?.aborted) return Promise.reject(cancelled(signal))
    if (this.#closed) return Promise.reject(new QubusError('ENGINE_FAILED', 'the engine was closed'))
    return new Promise((resolve, reject) => {
      const onAbort = () => this.#cancel(waiting, cancelled(signal!))
      const settled = () => signal?.removeEventListener('abort', onAbort)
      const waiting: Waiting = {
        job,
        resolve: (result) => {
          settled()
          resolve(result)
        },
        reject: (error) => {
          settled()
          reject(error)
        },
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#queue.push(waiting)
      this.#restartMissing()
      this.#next()
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    const error = new QubusError('CANCELLED', 'the engine was closed')
    for (const waiting of this.#queue.splice(0)) waiting.reject(error)
    await Promise.all(this.#threads.map((thread) => thread.end(error)))
  }

  #start(index: number): void {
    const { program, budgetBytes, maxQubits, graceMs } = this.#options
    const data = {
      thread: index,
      budgetBytes,
      maxQubits,
      memory: this.#memory.cells,
      cancelled: this.#cancelled,
    }
    this.#threads[index] = new ThreadHandle(program, data, graceMs, {
      idle: () => {
        this.#failedStarts = 0
        this.#next()
      },
      ended: (wasReady) => this.#replace(index, wasReady),
    })
  }

  #replace(index: number, wasReady: boolean): void {
    this.#memory.release(index)
    if (this.#closed) return
    if (!wasReady) this.#failedStarts++
    if (this.#failedStarts < MAX_FAILED_STARTS) this.#start(index)
    else if (this.#threads.every((thread) => thread.state === 'ended')) this.#giveUp()
  }

  #giveUp(): void {
    const error = new QubusError(
      'ENGINE_FAILED',
      `no thread of the engine starts: ${this.#threads.map((thread) => thread.failure?.message).find(Boolean) ?? 'they end without a word'}`,
    )
    for (const waiting of this.#queue.splice(0)) waiting.reject(error)
  }

  /** After giving up, the next circuit is the occasion to try once more. */
  #restartMissing(): void {
    for (const [index, thread] of this.#threads.entries()) if (thread.state === 'ended') this.#start(index)
  }

  #next(): void {
    for (const thread of this.#threads) {
      if (thread.state !== 'idle') continue
      const waiting = this.#queue.shift()
      if (waiting === undefined) return
      thread.give(waiting)
    }
  }

  #cancel(waiting: Waiting, error: Error): void {
    const queued = this.#queue.indexOf(waiting)
    if (queued !== -1) this.#queue.splice(queued, 1)
    else this.#threads.find((thread) => thread.has(waiting))?.cancel()
    waiting.reject(error)
  }
}

function cancelled(signal: AbortSignal): QubusError {
  return new QubusError('CANCELLED', 'the circuit was cancelled', { cause: signal.reason })
}
