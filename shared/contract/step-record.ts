/** Records about one step of a run. Times are Unix milliseconds. */
import { z } from 'zod'
import { Failure } from './failure.ts'
import { Payload } from './payload.ts'

export const StepKind = z.enum([
  'task',
  'program',
  'circuit',
  'flow',
  'sleep',
  'side-effect',
  'artifact',
  'vqpu',
  'drain',
  'signal',
])
export type StepKind = z.infer<typeof StepKind>

export const StepState = z.enum(['queued', 'running', 'retrying', 'completed', 'failed', 'cancelled'])
export type StepState = z.infer<typeof StepState>

export const Artifact = z.object({
  key: z.string(),
  type: z.enum(['markdown', 'table', 'json', 'image', 'link']),
  /** Encoded with the value codec: a string, rows, any value, `{ mediaType, bytes }`, or `{ href, text? }`. */
  payload: Payload,
  at: z.number(),
})
export type Artifact = z.infer<typeof Artifact>

/** Who ran an attempt, and where. */
const Place = z.object({
  writer: z.string(),
  node: z.string(),
  job: z.string().optional(),
  pool: z.string().optional(),
  device: z.string().optional(),
})

/** What a step is: the same at every replay, or the flow is not deterministic. */
export const StepShape = z.object({
  kind: StepKind,
  name: z.string(),
  /** Shown instead of the name. */
  label: z.string().optional(),
  /** Of kind, name and arguments. */
  digest: z.string(),
})
export type StepShape = z.infer<typeof StepShape>

/** `step.<n>`: the outcome, written once; the first one wins. */
export const StepOutcome = Place.extend(StepShape.shape).extend({
  state: z.enum(['completed', 'failed', 'cancelled']),
  attempt: z.number().int().nonnegative(),
  result: Payload.optional(),
  error: Failure.optional(),
  artifacts: z.array(Artifact).optional(),
  /** Nothing was done for it: this is what that step of that run came to. */
  from: z
    .object({ how: z.enum(['cache', 'resumed']), run: z.string(), step: z.number().int(), at: z.number() })
    .optional(),
  queuedAt: z.number(),
  startedAt: z.number(),
  endedAt: z.number(),
})
export type StepOutcome = z.infer<typeof StepOutcome>

/** `step.<n>.attempt.<k>`: an attempt that failed. The coordinator decides what follows. */
export const AttemptRecord = Place.extend(StepShape.shape).extend({
  error: Failure,
  /** An attempt that failed through no fault of its own (its device went away) is not charged. */
  uncharged: z.boolean().optional(),
  queuedAt: z.number(),
  startedAt: z.number(),
  endedAt: z.number(),
})
export type AttemptRecord = z.infer<typeof AttemptRecord>

/** `step.<n>.attempt.<k>.lost.<j>`: the attempt was taken up again because its worker vanished. */
export const LostRecord = z.object({ writer: z.string(), at: z.number() })
export type LostRecord = z.infer<typeof LostRecord>

/** `step.<n>.route.<k>`: which device an attempt of a circuit goes to; recorded before it is used. */
export const RouteRecord = z.object({
  device: z.string(),
  why: z.string(),
  writer: z.string(),
  at: z.number(),
})
export type RouteRecord = z.infer<typeof RouteRecord>

/**
 * `step.<n>.wait`: a wait for a signal has begun, so that a fail-over does not begin it anew. It ends when the signal
 * was set more often than `since`.
 */
export const WaitRecord = StepShape.extend({
  since: z.number().int().nonnegative(),
  dueAt: z.number().optional(),
  setAt: z.number(),
})
export type WaitRecord = z.infer<typeof WaitRecord>

/** `step.<n>.timer`: when a sleep ends, so that a fail-over does not start it anew. */
export const TimerRecord = StepShape.extend({ dueAt: z.number(), setAt: z.number() })
export type TimerRecord = z.infer<typeof TimerRecord>
