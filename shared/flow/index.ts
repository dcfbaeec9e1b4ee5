/** `qubus`: what a flow's author imports. */

export type { CircuitResult } from '../contract/circuit-result.ts'
export {
  CancelledError,
  codeOf,
  NonDeterministicFlowError,
  QubusError,
  StepError,
  TerminalError,
} from '../contract/errors.ts'
export { artifact } from './artifact.ts'
export { type Circuit, type CircuitOptions, circuit, type RunCircuitOptions } from './circuit.ts'
export { type Flow, type FlowOptions, flow } from './flow.ts'
export { TaskFuture } from './future.ts'
export { group } from './group.ts'
export { log } from './log.ts'
export type { ResourceOptions, StepOptions } from './options.ts'
export { type ProgramOptions, type ProgramResult, program } from './program.ts'
export { type Signal, type SignalOptions, signal } from './signal.ts'
export { type StepContext, stepContext } from './step-context.ts'
export { type SubFlow, subFlow } from './sub-flow.ts'
export { type CacheOptions, type Task, type TaskOptions, task } from './task.ts'
export { now, random, sideEffect, sleep, uuid } from './time-and-chance.ts'
export { type LaunchOptions, launchVqpu, type Vqpu } from './vqpu.ts'
