/** `schedule.<name>`: a flow request that the broker repeats. The broker keeps the time; headers say when. */
import { z } from 'zod'
import { FlowRequest } from './flow-request.ts'

export const ScheduleRecord = z.object({
  /** Six fields (seconds first), `@daily` and the like, `@every 90s`, or `@at` and a time. */
  when: z.string(),
  /** A time zone's name, such as `Europe/Berlin`; UTC without. */
  timeZone: z.string().optional(),
  request: FlowRequest,
  by: z.string(),
  /** Unix milliseconds. */
  at: z.number(),
  /** Kept, but it is never due: the broker was not told its time. */
  paused: z.boolean().optional(),
})
export type ScheduleRecord = z.infer<typeof ScheduleRecord>

/** Headers of the broker's message schedules. */
export const SCHEDULE_HEADER = {
  pattern: 'Nats-Schedule',
  target: 'Nats-Schedule-Target',
  timeZone: 'Nats-Schedule-Time-Zone',
  /** How long a tick is kept. */
  ttl: 'Nats-Schedule-TTL',
  /** Of a tick: when the next one is due. */
  next: 'Nats-Schedule-Next',
} as const

/** As the broker wants it: the five fields that cron has become six, with the seconds first. */
export function scheduleText(when: string): string {
  const fields = when.trim().split(/\s+/)
  return (fields.length === 5 && !when.trim().startsWith('@') ? ['0', ...fields] : fields).join(' ')
}

/** The run that a schedule asks for when it is due at `at` (Unix milliseconds): the same for whoever hears it. */
export function scheduledRunId(name: string, at: number): string {
  const stamp = new Date(at).toISOString().replaceAll(/[-:.]/g, '')
  return `${name}-${stamp}`
}
