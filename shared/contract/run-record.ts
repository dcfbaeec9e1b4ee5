/** Records about a whole run: `requested`, `cancel`, `completed`. Times are Unix milliseconds. */
import { z } from 'zod'
import { Failure } from './failure.ts'
import { FlowRequest } from './flow-request.ts'
import { Payload } from './payload.ts'

export const FlowRetry = z.object({
  retries: z.number().int().nonnegative(),
  delaySeconds: z.number().nonnegative(),
})
export type FlowRetry = z.infer<typeof FlowRetry>

/** Written by the coordinator that accepts the request; from then on the run is `running`. */
export const RequestedRecord = FlowRequest.omit({ params: true, payload: true }).extend({
  /** What the name stood for when the request was taken. */
  bundle: z.string(),
  payload: Payload,
  /** SHA-256 of flow, bundle (as requested) and parameters: the same run id with another digest is a conflict. */
  digest: z.string(),
  /** The run's name, made from the flow's template. */
  name: z.string(),
  timeoutSeconds: z.number().positive().optional(),
  /** What follows when the flow fails. */
  retry: FlowRetry.optional(),
  /** What chance and time begin from, where it is not this run's own id and acceptance: a resumed run comes to the same arguments. */
  origin: z.object({ run: z.string(), at: z.number() }).optional(),
  acceptedAt: z.number(),
  coordinator: z.string(),
  /** Of the Qubus that accepted it. */
  version: z.string().optional(),
})
export type RequestedRecord = z.infer<typeof RequestedRecord>

export const CancelRecord = z.object({ by: z.string(), reason: z.string().optional(), at: z.number() })
export type CancelRecord = z.infer<typeof CancelRecord>

/**
 * `attempt.<k>`: the flow failed for the k-th time and is tried again at `dueAt`. The next attempt's steps are numbered
 * from `base + 1`; what completed before is taken over where it is asked for again.
 */
export const FlowAttemptRecord = z.object({
  error: Failure,
  base: z.number().int().nonnegative(),
  at: z.number(),
  dueAt: z.number(),
  writer: z.string(),
})
export type FlowAttemptRecord = z.infer<typeof FlowAttemptRecord>

/** `retired`: the log is gone, but the id stays taken, for the work with this digest. */
export const RetiredRecord = z.object({ digest: z.string(), at: z.number() })
export type RetiredRecord = z.infer<typeof RetiredRecord>

export const RunState = z.enum(['queued', 'running', 'completed', 'failed', 'cancelled'])
export type RunState = z.infer<typeof RunState>

export const CompletedRecord = z.object({
  state: z.enum(['completed', 'failed', 'cancelled']),
  result: Payload.optional(),
  error: Failure.optional(),
  /** How many steps the flow asked for, over all its attempts. */
  steps: z.number().int().nonnegative(),
  /** Attempts of the flow as a whole; 1 when it was not tried again. */
  attempts: z.number().int().positive().optional(),
  startedAt: z.number(),
  endedAt: z.number(),
  writer: z.string(),
})
export type CompletedRecord = z.infer<typeof CompletedRecord>
