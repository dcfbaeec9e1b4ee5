/** Records about a whole run: `requested`, `cancel`, `completed`. Times are Unix milliseconds. */
import { z } from 'zod'
import { Failure } from './failure.ts'
import { FlowRequest } from './flow-request.ts'
import { Payload } from './payload.ts'

/** Written by the coordinator that accepts the request; from then on the run is `running`. */
export const RequestedRecord = FlowRequest.omit({ params: true, payload: true }).extend({
  payload: Payload,
  /** SHA-256 of flow, bundle and parameters: the same run id with another digest is a conflict. */
  digest: z.string(),
  /** The run's name, made from the flow's template. */
  name: z.string(),
  timeoutSeconds: z.number().positive().optional(),
  acceptedAt: z.number(),
  coordinator: z.string(),
})
export type RequestedRecord = z.infer<typeof RequestedRecord>

export const CancelRecord = z.object({ by: z.string(), reason: z.string().optional(), at: z.number() })
export type CancelRecord = z.infer<typeof CancelRecord>

export const RunState = z.enum(['queued', 'running', 'completed', 'failed', 'cancelled'])
export type RunState = z.infer<typeof RunState>

export const CompletedRecord = z.object({
  state: z.enum(['completed', 'failed', 'cancelled']),
  result: Payload.optional(),
  error: Failure.optional(),
  /** How many steps the flow asked for. */
  steps: z.number().int().nonnegative(),
  startedAt: z.number(),
  endedAt: z.number(),
  writer: z.string(),
})
export type CompletedRecord = z.infer<typeof CompletedRecord>
