/** A message that was given up: where it came from, why, and its bytes. */
import { z } from 'zod'
import { Failure } from './failure.ts'
import { Bytes } from './payload.ts'

export const DeadLetter = z.object({
  stream: z.string(),
  subject: z.string(),
  sequence: z.number().int(),
  /** All of it, or its beginning where it was larger than a letter may be. */
  body: Bytes,
  /** How many bytes it had. */
  size: z.number().int().optional(),
  /** Its own headers, those of the broker left out: lines of `Key: value`, each ended by CR LF. */
  headers: z.string().optional(),
  error: Failure,
  by: z.string(),
  at: z.number(),
})
export type DeadLetter = z.infer<typeof DeadLetter>
