/** How long each thing is kept now: as configured, or shorter while the broker fills. */
import { RETENTION_TIMES, type RetentionTimes } from '#shared/config/retention.ts'

export type Retention = RetentionTimes & {
  /** Pause between two rounds. */
  everyMs: number
  /** However full the broker is, what is younger stays: longer than a command waits for a sign of life. */
  leastMs: number
}

const MINUTE = 60_000
const HOUR = 60 * MINUTE

export const RETENTION: Retention = { ...RETENTION_TIMES, everyMs: MINUTE, leastMs: 2 * MINUTE }

/** From here on ended runs go sooner: before 80 %, where no new run begins. */
export const FILLING = 0.6
const TENSE = 0.75
const NEARLY_FULL = 0.9

/** @param fill the fullest of what the broker keeps for runs, 0 to 1; @param blobFill the same of the blobs. */
export function hastened(retention: Retention, fill: number, blobFill: number): Retention {
  // Blobs go after the runs that refer to them.
  const worst = Math.max(fill, blobFill)
  if (worst < FILLING) return retention
  const { leastMs } = retention
  const soon = worst < TENSE ? HOUR : leastMs
  const atMost = (own: number, most: number) => Math.min(own, Math.max(leastMs, most))
  return {
    ...retention,
    log: atMost(retention.log, soon),
    tombstones: atMost(
      retention.tombstones,
      worst < TENSE ? retention.tombstones : worst < NEARLY_FULL ? HOUR : leastMs,
    ),
    blobs: blobFill < FILLING ? retention.blobs : atMost(retention.blobs, Math.max(soon, 5 * leastMs)),
    everyMs: Math.min(retention.everyMs, 1_000),
  }
}

/** How long a blob must have been found without a reference before it goes: one may be on its way. */
export function confirmMs({ blobs }: Retention): number {
  return blobs / 12
}
