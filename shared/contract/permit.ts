/**
 * `permit.<limit>.…`: a command that waits for a place of a global limit. A limit is a consumer of these whose bound on
 * un-acked messages is the number of places, so the broker itself keeps it: whoever is given a permit publishes the
 * command, and holds the permit un-acked until the step's attempt is over.
 */
import { z } from 'zod'
import { Bytes } from './payload.ts'

export const Permit = z.object({
  /** Limits that are still to be passed after this one, in order. */
  further: z.array(z.string()),
  /** The command, as it goes out once every limit is passed. */
  command: z.object({
    stream: z.string(),
    subject: z.string(),
    storedAs: z.string().optional(),
    body: Bytes,
    headers: z.string().optional(),
  }),
})
export type Permit = z.infer<typeof Permit>

/** Places that a limit may have: what one consumer may hold. */
export const MOST_PLACES = 1000
