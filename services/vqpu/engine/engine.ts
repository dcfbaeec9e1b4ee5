/** What every simulating program behind a vQPU offers: ours, and those that run as a child process. */
export { createEngine } from './create-engine.ts'

export type EngineInfo = {
  engine: string
  version: string
  /** Algorithms that a job may name. The first is what a job without one gets. */
  methods: string[]
  maxQubits: number
  /** Languages it reads. */
  languages: string[]
  /** Source-level gate names, or any that the language can define. */
  gates: string[] | 'any'
  /** Kinds of noise it can model. */
  noise: string[]
  features: string[]
}

export type EngineJob = {
  id: string
  /** Checked against the source; without it the source's version line decides. */
  language?: 'openqasm2' | 'openqasm3'
  source: string
  /** Where the author has the source: named in errors. */
  file?: string
  shots: number
  /** The same seed, source and engine version give the same counts. */
  seed?: number
  method?: string
}

export type EngineResult = {
  /**
   * How often each outcome was seen, in Qiskit's bit order: rightmost = classical bit 0, registers separated by one
   * space, last declared leftmost. A circuit without classical bits has one outcome, the empty key.
   */
  counts: Record<string, number>
  shots: number
  /** The job's, or the one that was made up for it. */
  seed: number
  method: string
  qubits: number
  clbits: number
  /** Both after custom gates are expanded. */
  depth: number
  gates: number
  /** Inside the engine, from source to counts. */
  seconds: number
  engine: string
  version: string
}

export interface Engine extends AsyncDisposable {
  describe(): EngineInfo
  /**
   * Rejects with CircuitError where the source is at fault and QubusError where it is not. An aborted signal rejects
   * with the code CANCELLED and frees what the circuit held.
   */
  run(job: EngineJob, signal?: AbortSignal): Promise<EngineResult>
}
