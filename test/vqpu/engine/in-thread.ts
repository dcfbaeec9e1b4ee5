/** The engine without its threads. */
import { countsKey, parseCircuit } from '#shared/circuit/index.ts'
import { compile } from '../../../services/vqpu/engine/embedded/compile/compile.ts'
import { runProgram } from '../../../services/vqpu/engine/embedded/execute/run-program.ts'
import { growState, type State, StatePool } from '../../../services/vqpu/engine/embedded/execute/state.ts'
import { Tally } from '../../../services/vqpu/engine/embedded/execute/tally.ts'
import { applyStep } from '../../../services/vqpu/engine/embedded/kernel/apply-step.ts'
import { Random } from '../../../services/vqpu/engine/embedded/random.ts'

export type RunOptions = { shots: number; seed?: number; branchBytes?: number; onStep?: () => void }

/** Counts in Qiskit's bit order. */
export function runInThread(
  source: string,
  { shots, seed = 1, branchBytes = 2 ** 24, onStep = () => {} }: RunOptions,
): Record<string, number> {
  const circuit = parseCircuit(source)
  const tally = new Tally(circuit.cregs)
  runProgram(compile(circuit), shots, {
    random: new Random(seed),
    states: new StatePool(2 ** 20),
    tally,
    branchBytes,
    checkCancelled: onStep,
  })
  return tally.counts
}

/** The exact distribution that a static circuit is sampled from, by the engine's own steps. */
export function fusedDistribution(source: string): Map<string, number> {
  const circuit = parseCircuit(source)
  const program = compile(circuit)
  const state: State = new StatePool(0).take(program.size)
  for (const step of program.steps) {
    if (step.kind === 'grow') growState(state, step.size)
    else if (step.kind === 'measure' || step.kind === 'reset' || step.kind === 'skip')
      throw new Error(`a static circuit has a step ${step.kind}`)
    else applyStep(state.re, state.im, state.size, step)
  }
  const distribution = new Map<string, number>()
  const bits = new Uint8Array(circuit.clbits)
  for (let index = 0; index < state.size; index++) {
    for (const { clbit, mask } of program.sampled) bits[clbit] = (index & mask) === 0 ? 0 : 1
    const key = countsKey(bits, circuit.cregs)
    distribution.set(key, (distribution.get(key) ?? 0) + state.re[index]! ** 2 + state.im[index]! ** 2)
  }
  return distribution
}
