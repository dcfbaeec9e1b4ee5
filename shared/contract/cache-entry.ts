/** `cache.<key>`: what a task came to, for whoever asks for the same, in any run. */
import { z } from 'zod'
import { Payload } from './payload.ts'

/** Times are Unix milliseconds. */
export const CacheEntry = z.object({
  name: z.string(),
  run: z.string(),
  step: z.number().int(),
  result: Payload,
  at: z.number(),
  expiresAt: z.number().optional(),
})
export type CacheEntry = z.infer<typeof CacheEntry>
