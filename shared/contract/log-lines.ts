/** `log.<run>.<step>.<attempt>`: lines of a run, from flow code (step 0), tasks and programs. */
import { z } from 'zod'

export const LogLevel = z.enum(['debug', 'info', 'warn', 'error'])
export type LogLevel = z.infer<typeof LogLevel>

export const LogLine = z.object({
  at: z.number(),
  level: LogLevel,
  /** `log` and `console` of flow or task code, or a program's output. */
  stream: z.enum(['log', 'stdout', 'stderr']),
  text: z.string(),
  fields: z.record(z.string(), z.unknown()).optional(),
})
export type LogLine = z.infer<typeof LogLine>

/** `seq` counts a writer's messages for this step and attempt, so that results can tell a repeat from a new one. */
export const LogLines = z.object({
  writer: z.string(),
  seq: z.number().int().nonnegative(),
  lines: z.array(LogLine),
})
export type LogLines = z.infer<typeof LogLines>
