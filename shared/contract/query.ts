/** Questions that the results actors answer on `query.<name>`, and the live view that a run's coordinator gives. */
import { z } from 'zod'
import { Failure } from './failure.ts'
import { Payload } from './payload.ts'
import { RunState } from './run-record.ts'
import { StepKind, StepState } from './step-record.ts'

export const RunSummary = z.object({
  run: z.string(),
  flow: z.string(),
  name: z.string(),
  state: RunState,
  project: z.string().optional(),
  user: z.string().optional(),
  tags: z.array(z.string()).optional(),
  priority: z.number().int().optional(),
  parent: z.string().optional(),
  /** The run that it goes on from. */
  resumes: z.string().optional(),
  /** The schedule that asked for it. */
  schedule: z.string().optional(),
  /** Attempts of the flow as a whole, where it was tried again. */
  attempts: z.number().int().optional(),
  steps: z.number().int(),
  requestedAt: z.number(),
  startedAt: z.number().optional(),
  endedAt: z.number().optional(),
  error: Failure.optional(),
})
export type RunSummary = z.infer<typeof RunSummary>

export const StepView = z.object({
  step: z.number().int(),
  name: z.string(),
  kind: StepKind,
  state: StepState,
  pool: z.string().optional(),
  device: z.string().optional(),
  attempts: z.number().int(),
  node: z.string().optional(),
  job: z.string().optional(),
  /** Why it is not running yet, in words. */
  waiting: z.string().optional(),
  queuedAt: z.number().optional(),
  startedAt: z.number().optional(),
  endedAt: z.number().optional(),
  seconds: z.number().optional(),
  error: Failure.optional(),
  /** Nothing was done for it: this is what that step of that run came to. */
  from: z.object({ how: z.enum(['cache', 'resumed']), run: z.string(), step: z.number().int() }).optional(),
})
export type StepView = z.infer<typeof StepView>

/** Answer of `inspect.<run>`: what is outstanding. At most 1,000 steps; `outstanding` counts them all. */
export const LiveRun = z.object({
  run: z.string(),
  flow: z.string(),
  name: z.string(),
  coordinator: z.string(),
  startedAt: z.number(),
  requested: z.number().int(),
  completed: z.number().int(),
  failed: z.number().int(),
  outstanding: z.number().int(),
  waiting: z.string().optional(),
  steps: z.array(StepView),
})
export type LiveRun = z.infer<typeof LiveRun>

/** One query: the schema of its question and of its answer. */
const query = <Q extends z.ZodType, A extends z.ZodType>(question: Q, answer: A) => ({ question, answer })

const ofRun = z.object({ run: z.string() })
const page = {
  limit: z.number().int().positive().max(10_000).default(1000),
  after: z.number().int().default(0),
}

export const QUERIES = {
  /** Newest first, `after` the given run. */
  runs: query(
    z.object({
      limit: z.number().int().positive().max(10_000).default(50),
      after: z.string().optional(),
      state: RunState.optional(),
      flow: z.string().optional(),
      project: z.string().optional(),
      user: z.string().optional(),
      tag: z.string().optional(),
      schedule: z.string().optional(),
      /** Asked for since, in Unix milliseconds. */
      since: z.number().optional(),
    }),
    z.object({ runs: z.array(RunSummary), more: z.boolean().optional() }),
  ),
  run: query(
    ofRun,
    z.object({
      run: RunSummary.nullable(),
      /** Attempts of the flow as a whole that failed and were followed by another; the first hundred. Steps after `base` are the next one's. */
      attempts: z
        .array(
          z.object({
            attempt: z.number().int(),
            error: Failure,
            base: z.number().int(),
            failedAt: z.number(),
            dueAt: z.number(),
          }),
        )
        .optional(),
    }),
  ),
  /** How a run ended, also long after the broker has forgotten it. */
  outcome: query(
    ofRun,
    z.object({
      outcome: z
        .object({
          flow: z.string(),
          state: z.enum(['completed', 'failed', 'cancelled']),
          result: Payload.optional(),
          error: Failure.optional(),
          steps: z.number().int(),
          startedAt: z.number(),
          endedAt: z.number(),
        })
        .nullable(),
    }),
  ),
  /** Steps by number, `after` the given one. */
  steps: query(ofRun.extend(page), z.object({ steps: z.array(StepView), more: z.boolean() })),
  /** Failed attempts and losses. */
  attempts: query(
    ofRun.extend(page),
    z.object({
      attempts: z.array(
        z.object({
          step: z.number(),
          attempt: z.number(),
          error: Failure,
          uncharged: z.boolean(),
          startedAt: z.number(),
          endedAt: z.number(),
        }),
      ),
    }),
  ),
  /** Log lines in order; `after` is the `id` of the last one seen. */
  logs: query(
    ofRun.extend(page),
    z.object({
      lines: z.array(
        z.object({
          id: z.number(),
          step: z.number(),
          attempt: z.number(),
          at: z.number(),
          level: z.string(),
          stream: z.string(),
          text: z.string(),
          fields: z.record(z.string(), z.unknown()).nullish(),
        }),
      ),
    }),
  ),
  /** In order of steps; `after` says how many were seen. One too large for a message has its `payload` instead of the value. */
  artifacts: query(
    ofRun.extend(page),
    z.object({
      artifacts: z.array(
        z.object({
          step: z.number(),
          key: z.string(),
          type: z.string(),
          at: z.number(),
          value: z.unknown(),
          payload: Payload.optional(),
        }),
      ),
      more: z.boolean().optional(),
    }),
  ),
  /** Counts are in Qiskit's bit order (rightmost = classical bit 0). */
  circuits: query(
    ofRun.extend(page),
    z.object({
      circuits: z.array(
        z.object({
          step: z.number(),
          name: z.string(),
          device: z.string(),
          method: z.string(),
          shots: z.number(),
          seed: z.number(),
          seconds: z.number(),
          counts: z.record(z.string(), z.number()),
        }),
      ),
    }),
  ),
  /**
   * Removes runs that ended longer ago (a day at least), a bounded number; with `dryRun` only counts all of them.
   * `rows` and `bytes` are those of the tables. `more`: ask again.
   */
  prune: query(
    z.object({
      olderThanMs: z
        .number()
        .min(24 * 3600 * 1000)
        .max(1e12),
      dryRun: z.boolean().default(false),
    }),
    z.object({ runs: z.number(), rows: z.number(), bytes: z.number(), more: z.boolean() }),
  ),
  /** How far result storage is: `lag` records of `RUNS` are not in Postgres yet. */
  storage: query(
    z.object({}),
    z.object({
      runs: z.number(),
      steps: z.number(),
      lag: z.number(),
      purged: z.number(),
      postgres: z.string(),
    }),
  ),
} as const

export type QueryName = keyof typeof QUERIES
export type Question<N extends QueryName> = z.input<(typeof QUERIES)[N]['question']>
export type Answer<N extends QueryName> = z.infer<(typeof QUERIES)[N]['answer']>
