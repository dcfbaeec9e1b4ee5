/**
 * A flow request: what a client publishes to `request.<run>`, as msgpack or JSON (header `Content-Type`). Written for
 * other languages in the README of this folder.
 */
import { z } from 'zod'
import { Payload } from './payload.ts'

/** The bundle id of flows that Qubus brings along (`qubus circuit run`, `qubus vqpu launch`). */
export const BUILTIN_BUNDLE = 'builtin'

/** Names of those flows: nobody can publish another one under them. */
export const BUILTIN_FLOWS: readonly string[] = ['circuit', 'graph', 'vqpu-launch']

const token = z.string().regex(/^[A-Za-z0-9_-]{1,128}$/)

export const FlowRequest = z.object({
  flow: z.string().min(1).max(200),
  /**
   * SHA-256 of the bundle with the flow's code, or `builtin`. Without it, the flow is the one that was published under
   * this name, or else the built-in one.
   */
  bundle: z.union([z.string().regex(/^[0-9a-f]{64}$/), z.literal(BUILTIN_BUNDLE)]).optional(),
  /** Where the sources were when they were bundled, for the file names in stacks. */
  sourceRoot: z.string().optional(),
  /** The flow's parameters: plain JSON values, or an encoded payload. */
  params: z.unknown().optional(),
  payload: Payload.optional(),
  /** Unix milliseconds. */
  requestedAt: z.number().optional(),
  user: z.string().optional(),
  project: z.string().optional(),
  /** Higher is sooner; default 0. */
  priority: z.number().int().min(-1000).max(1000).optional(),
  tags: z.array(z.string().max(200)).max(100).optional(),
  /** The run is ended after so long; default: the flow's own. */
  timeoutSeconds: z.number().positive().optional(),
  /** Goes on from where this run failed: what completed there is not done again. */
  resumes: token.optional(),
  /** The schedule that asked, and the time that it was due at (Unix milliseconds). */
  schedule: z.object({ name: token, at: z.number() }).optional(),
  /** Default pool of the run's steps. */
  pool: token.optional(),
  /** The step that asked for this run, where it is a sub-flow: its outcome is this run's. */
  parent: z
    .object({
      run: token,
      step: z.number().int().positive(),
      attempt: z.number().int().positive(),
      name: z.string(),
      digest: z.string(),
      queuedAt: z.number(),
      /** The run at the top of the tree. */
      root: token.optional(),
    })
    .optional(),
})
export type FlowRequest = z.infer<typeof FlowRequest>
