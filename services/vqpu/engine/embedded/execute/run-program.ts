import type { Program, Step } from '../compile/program.ts'
import { applyStep } from '../kernel/apply-step.ts'
import { collapse, probabilityOfOne } from '../kernel/measure.ts'
import type { Random } from '../random.ts'
import { sample } from './sample.ts'
import { growState, type State, type StatePool, stateBytes } from './state.ts'
import type { Tally } from './tally.ts'

export type Surroundings = {
  random: Random
  states: StatePool
  tally: Tally
  /** Bytes that states of branches that wait may fill. */
  branchBytes: number
  /** Throws when the circuit was cancelled. */
  checkCancelled(): void
}

/** Shots that have gone the same way so far. */
type Branch = {
  shots: number
  /** The next step. */
  at: number
  bits: Uint8Array
  /** Absent when the memory for waiting branches was used up: the outcomes so far are then gone through again. */
  state?: State
  outcomes: (0 | 1)[]
}

/**
 * Runs all shots at once. They part only where a qubit is looked at before the end: there the shots are divided by
 * drawing each one's outcome, and each side goes on with its own state. So 1000 shots of a teleportation are four
 * branches and not 1000 runs. Branches are taken up depth first: at most one waits for each measurement.
 */
export function runProgram(program: Program, shots: number, around: Surroundings): void {
  const waiting: Branch[] = [
    {
      shots,
      at: 0,
      bits: new Uint8Array(program.clbits),
      state: around.states.take(program.size),
      outcomes: [],
    },
  ]
  let bytesWaiting = 0
  for (let branch = waiting.pop(); branch !== undefined; branch = waiting.pop()) {
    if (branch.state !== undefined && branch.outcomes.length > 0) bytesWaiting -= stateBytes(program.size)
    const state = branch.state ?? retrace(program, branch, around)
    follow(program, branch, state, around, (other) => {
      const fits = bytesWaiting + stateBytes(program.size) <= around.branchBytes
      if (fits) bytesWaiting += stateBytes(program.size)
      waiting.push(fits ? { ...other, state: collapsedCopy(program, state, other, around) } : other)
    })
    around.states.give(state)
  }
}

type Parted = Branch & { mask: number; probability: number }

function follow(
  program: Program,
  branch: Branch,
  state: State,
  around: Surroundings,
  part: (other: Parted) => void,
): void {
  const { steps, sampled } = program
  while (branch.at < steps.length) {
    around.checkCancelled()
    const step = steps[branch.at++]!
    if (step.kind === 'measure' || step.kind === 'reset') {
      const one = step.mask === 0 ? 0 : clamp(probabilityOfOne(state.re, state.im, state.size, step.mask))
      const ones = one === 0 || one === 1 ? one * branch.shots : drawOnes(branch.shots, one, around.random)
      if (ones > 0 && ones < branch.shots) part(otherSide(branch, step, ones, one))
      const outcome = ones === branch.shots ? 1 : 0
      branch.shots = outcome === 1 ? ones : branch.shots - ones
      branch.outcomes.push(outcome)
      settle(state, branch, step, outcome, outcome === 1 ? one : 1 - one)
    } else if (step.kind === 'skip') {
      if (!agrees(step, branch.bits)) branch.at = step.to
    } else if (step.kind === 'grow') growState(state, step.size)
    else applyStep(state.re, state.im, state.size, step)
  }
  const { bits } = branch
  if (sampled.length === 0) return around.tally.add(bits, branch.shots)
  sample(state, branch.shots, around.random, (index, count) => {
    for (const { clbit, mask } of sampled) bits[clbit] = (index & mask) === 0 ? 0 : 1
    around.tally.add(bits, count)
  })
}

/** Rounding may leave 1 + 1e-16, or 1e-30 where a 0 belongs. */
const clamp = (probability: number) => (probability < 1e-12 ? 0 : probability > 1 - 1e-12 ? 1 : probability)

function drawOnes(shots: number, one: number, random: Random): number {
  let ones = 0
  for (let shot = 0; shot < shots; shot++) if (random.uniform() < one) ones++
  return ones
}

/** The shots that found 1, while the branch itself goes on with those that found 0. */
function otherSide(branch: Branch, step: LookStep, ones: number, one: number): Parted {
  const bits = branch.bits.slice()
  if (step.kind === 'measure') bits[step.clbit] = 1
  return {
    shots: ones,
    at: branch.at,
    bits,
    outcomes: [...branch.outcomes, 1],
    mask: step.mask,
    probability: one,
  }
}

type LookStep = Extract<Step, { kind: 'measure' | 'reset' }>

/** Makes state and bits agree with what was found. */
function settle(state: State, branch: Branch, step: LookStep, outcome: 0 | 1, probability: number): void {
  if (step.kind === 'measure') branch.bits[step.clbit] = outcome
  if (step.mask === 0) return
  collapse(state.re, state.im, state.size, step.mask, outcome, probability)
  if (step.kind === 'reset' && outcome === 1) flip(state, step.mask)
}

const flip = (state: State, mask: number) =>
  applyStep(state.re, state.im, state.size, { kind: 'exchange', controls: 0, from: 0, to: mask })

function agrees(step: Extract<Step, { kind: 'skip' }>, bits: Uint8Array): boolean {
  return step.clbits.every((clbit, position) => bits[clbit] === step.expected[position])
}

function collapsedCopy(
  program: Program,
  state: State,
  { mask, probability, at }: Parted,
  { states }: Surroundings,
): State {
  const copy = states.copy(state, program.size)
  collapse(copy.re, copy.im, copy.size, mask, 1, probability)
  if (program.steps[at - 1]!.kind === 'reset') flip(copy, mask)
  return copy
}

/** Gets to where the branch stands from the start, finding what it found. */
function retrace(program: Program, branch: Branch, around: Surroundings): State {
  const state = around.states.take(program.size)
  const again: Branch = { shots: 0, at: 0, bits: new Uint8Array(program.clbits), outcomes: [] }
  while (again.at < branch.at) {
    around.checkCancelled()
    const step = program.steps[again.at++]!
    if (step.kind === 'measure' || step.kind === 'reset') {
      const outcome = branch.outcomes[again.outcomes.length]!
      again.outcomes.push(outcome)
      const one = step.mask === 0 ? 0 : clamp(probabilityOfOne(state.re, state.im, state.size, step.mask))
      settle(state, again, step, outcome, outcome === 1 ? one : 1 - one)
    } else if (step.kind === 'skip') {
      if (!agrees(step, again.bits)) again.at = step.to
    } else if (step.kind === 'grow') growState(state, step.size)
    else applyStep(state.re, state.im, state.size, step)
  }
  return state
}
