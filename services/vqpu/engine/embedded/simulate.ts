/** A circuit's text to its counts, within one thread. */
import { parseCircuit } from '#shared/circuit/index.ts'
import type { EngineJob, EngineResult } from '../engine.ts'
import { compile } from './compile/compile.ts'
import { runProgram } from './execute/run-program.ts'
import { StatePool, stateBytes } from './execute/state.ts'
import { Tally } from './execute/tally.ts'
import { freshSeed, Random } from './random.ts'
import { EMBEDDED, EMBEDDED_VERSION } from './version.ts'

export type SimulatorOptions = {
  /** Asks for the bytes of a state before anything is allocated; throws where they can't be had. */
  reserve(bytes: number, qubits: number): Disposable
  checkCancelled(): void
}

/** States up to this stay allocated between circuits. */
const KEEP_BYTES = 2 ** 26
/** Waiting branches of a dynamic circuit fill at most this; further ones are gone through again. */
const BRANCH_BYTES = 2 ** 27

/** Holds what is worth keeping from one circuit to the next. */
export class Simulator {
  readonly #states = new StatePool(KEEP_BYTES)
  readonly #options: SimulatorOptions

  constructor(options: SimulatorOptions) {
    this.#options = options
  }

  run(job: EngineJob): EngineResult {
    const began = performance.now()
    const circuit = parseCircuit(job.source, { language: job.language, file: job.file })
    const program = compile(circuit)
    using _reserved = this.#options.reserve(stateBytes(program.size), program.qubits)
    const seed = job.seed ?? freshSeed()
    const tally = new Tally(circuit.cregs)
    runProgram(program, job.shots, {
      random: new Random(seed),
      states: this.#states,
      tally,
      branchBytes: BRANCH_BYTES,
      checkCancelled: this.#options.checkCancelled,
    })
    return {
      counts: tally.counts,
      shots: job.shots,
      seed,
      method: 'statevector',
      qubits: circuit.qubits,
      clbits: circuit.clbits,
      depth: circuit.depth,
      gates: circuit.gateCount,
      seconds: (performance.now() - began) / 1000,
      engine: EMBEDDED,
      version: EMBEDDED_VERSION,
    }
  }
}
