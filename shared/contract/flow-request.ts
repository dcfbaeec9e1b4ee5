/** A flow request: what a client publishes to `request.<run>`, as msgpack or JSON (header `Content-Type`). */
import { z } from 'zod'
import { Payload } from './payload.ts'

/** The bundle id of flows that Qubus brings along (`qubus circuit run`, `qubus vqpu launch`). */
export const BUILTIN_BUNDLE = 'builtin'

const token = z.string().regex(/^[A-Za-z0-9_-]{1,128}$/)

export const FlowRequest = z.object({
  flow: z.string().min(1),
  /** SHA-256 of the bundle with the flow's code, or `builtin`. */
  bundle: z.union([z.string().regex(/^[0-9a-f]{64}$/), z.literal(BUILTIN_BUNDLE)]),
  /** Where the sources were when they were bundled, for the file names in stacks. */
  sourceRoot: z.string().optional(),
  /** The flow's parameters: plain JSON values, or an encoded payload. */
  params: z.unknown().optional(),
  payload: Payload.optional(),
  /** Unix milliseconds. */
  requestedAt: z.number().optional(),
  user: z.string().optional(),
  project: z.string().optional(),
  priority: z.number().int().optional(),
  tags: z.array(z.string()).optional(),
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
    })
    .optional(),
})
export type FlowRequest = z.infer<typeof FlowRequest>
