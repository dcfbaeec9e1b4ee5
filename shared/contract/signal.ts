/** Signals: set, awaited and cleared by flows and clients. The last word on `signal.<scope>.<name>` is its state. */
import { z } from 'zod'
import { Payload } from './payload.ts'

/** The scope of signals that every run sees; any other scope is the id of the run at the top of a tree of runs. */
export const SHARED_SCOPE = 'shared'

export const SignalRecord = z.object({
  set: z.boolean(),
  /** How often it has been set so far: by it, a wait knows that it was set even when it is clear again. */
  count: z.number().int().nonnegative(),
  /** What it was last set to. */
  value: Payload.optional(),
  /** Unix milliseconds. */
  at: z.number(),
  /** Who wrote this: a step (`<run>.<step>`) or a client. */
  by: z.string(),
  /** Those who wrote lately, newest last: one who is not sure whether his word was taken looks here. */
  recent: z.array(z.string()),
})
export type SignalRecord = z.infer<typeof SignalRecord>

/** What a `signal` step is asked for. */
export const SignalSpec = z.object({
  op: z.enum(['set', 'wait', 'clear']),
  name: z.string(),
  scope: z.enum(['run', 'shared']),
  value: z.unknown().optional(),
  timeoutSeconds: z.number().positive().optional(),
})
export type SignalSpec = z.infer<typeof SignalSpec>
