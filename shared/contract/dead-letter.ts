/** A message that was given up: where it came from, why, and its bytes. */
import { z } from 'zod'
import { Failure } from './failure.ts'
import { Bytes } from './payload.ts'

export const DeadLetter = z.object({
  stream: z.string(),
  subject: z.string(),
  sequence: z.number().int(),
  body: Bytes,
  error: Failure,
  by: z.string(),
  at: z.number(),
})
export type DeadLetter = z.infer<typeof DeadLetter>
