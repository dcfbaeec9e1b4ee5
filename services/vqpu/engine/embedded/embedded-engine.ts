import { availableParallelism } from 'node:os'
import { QubusError } from '#shared/contract/errors.ts'
import type { Engine, EngineInfo, EngineJob, EngineResult } from '../engine.ts'
import { checkJob } from './check-job.ts'
import { memoryBudget } from './memory-budget.ts'
import { ThreadPool } from './thread-pool.ts'
import { EMBEDDED, EMBEDDED_VERSION } from './version.ts'

export type EmbeddedOptions = {
  /** Circuits that run at once. Default: one a core. */
  threads?: number
  /** Bytes that states may fill, all threads together. Default: half of what is free when the engine starts, at most 4 GiB. */
  memoryBytes?: number
  /** How long a cancelled circuit may take to stop before its thread is replaced. */
  graceMs?: number
}

/** Resolves when all threads have warmed up. */
export async function createEmbeddedEngine(options: EmbeddedOptions = {}): Promise<Engine> {
  const threads = options.threads ?? availableParallelism()
  if (!Number.isInteger(threads) || threads < 1)
    throw new QubusError('INVALID_OPTION', `threads is ${threads}: write an integer from 1`)
  const { bytes, maxQubits } = memoryBudget(
    options.memoryBytes === undefined ? process.availableMemory() : options.memoryBytes * 2,
  )
  const program = new URL('./simulator-thread.ts', import.meta.url)
  const engine = new EmbeddedEngine(
    new ThreadPool({ threads, budgetBytes: bytes, maxQubits, program, graceMs: options.graceMs ?? 250 }),
    maxQubits,
  )
  await engine.ready()
  return engine
}

class EmbeddedEngine implements Engine {
  readonly #pool: ThreadPool
  readonly #info: EngineInfo

  constructor(pool: ThreadPool, maxQubits: number) {
    this.#pool = pool
    this.#info = {
      engine: EMBEDDED,
      version: EMBEDDED_VERSION,
      methods: ['statevector'],
      maxQubits,
      languages: ['openqasm2'],
      gates: 'any',
      noise: [],
      features: ['seed', 'conditionals', 'mid-circuit-measurement', 'reset', 'cancel'],
    }
  }

  ready(): Promise<void> {
    return this.#pool.ready()
  }

  describe(): EngineInfo {
    return structuredClone(this.#info)
  }

  async run(job: EngineJob, signal?: AbortSignal): Promise<EngineResult> {
    checkJob(job, this.#info.methods)
    return await this.#pool.run(job, signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool[Symbol.asyncDispose]()
  }
}
