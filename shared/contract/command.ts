/** Commands: what is to be done, once. The subject says for which run, step and attempt. Times are Unix milliseconds. */
import { z } from 'zod'
import { Bytes, Payload } from './payload.ts'
import { StepShape } from './step-record.ts'

const Base = StepShape.extend({
  queuedAt: z.number(),
  timeoutSeconds: z.number().positive().optional(),
})

/** `task.<pool>.…`: a function of the bundle (`kind: task`, payload: the argument list) or a program. */
export const TaskCommand = Base.extend({
  bundle: z.string(),
  sourceRoot: z.string().optional(),
  payload: Payload,
  /** What follows when a worker vanished with it. */
  onLost: z.enum(['rerun', 'fail']).optional(),
  /** More than this, in bytes, and the attempt is ended. */
  memoryLimit: z.number().positive().optional(),
  /** In a process of its own, or (default) in one of the worker's threads. */
  isolation: z.enum(['thread', 'process']).optional(),
})
export type TaskCommand = z.infer<typeof TaskCommand>

/** What a `program` step's payload holds. */
export const ProgramSpec = z.object({
  file: z.string().min(1),
  args: z.array(z.string()),
  cwd: z.string().optional(),
  env: z.record(z.string(), z.string()).optional(),
  input: z.union([z.string(), Bytes]).optional(),
})
export type ProgramSpec = z.infer<typeof ProgramSpec>

/** What a circuit is asked for. `device` is a device id, `vqpu` (any of the pool) or `any`. */
export const CircuitSpec = z.object({
  source: z.string(),
  file: z.string().optional(),
  shots: z.number().int().positive(),
  seed: z.number().int().nonnegative().optional(),
  method: z.string().optional(),
  device: z.string(),
})
export type CircuitSpec = z.infer<typeof CircuitSpec>

/** `submission.…` and `circuit.<device>.…`: the payload holds a {@link CircuitSpec}. */
export const CircuitCommand = Base.extend({ payload: Payload })
export type CircuitCommand = z.infer<typeof CircuitCommand>

/** `allocation.<pool>.<run>.<id>`: nodes for a vQPU; the outcome of `step` is written when it is ready. */
export const AllocationCommand = Base.extend({
  run: z.string(),
  step: z.number().int().positive(),
  attempt: z.number().int().positive(),
  device: z.string(),
  engine: z.string(),
  walltimeSeconds: z.number().positive(),
  /** A shared vQPU outlives its run. */
  shared: z.boolean(),
})
export type AllocationCommand = z.infer<typeof AllocationCommand>
