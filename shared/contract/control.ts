/** Requests between actors that are not stored: `control.<run>` and `command.<actor>.<verb>`. */
import { z } from 'zod'

/** "Look at the log": steps whose work may have become pointless; none listed = all of the run. */
export const Control = z.object({ steps: z.array(z.number().int()).optional() })
export type Control = z.infer<typeof Control>

/** Answer to a command such as `drain`. */
export const CommandReply = z.object({ ok: z.boolean(), message: z.string().optional() })
export type CommandReply = z.infer<typeof CommandReply>
