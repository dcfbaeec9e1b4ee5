/** How long things are kept: `QUBUS_RETENTION`, such as `runs=90d, logs=7d`. What is not named keeps its default. */
import { QubusError } from '../contract/errors.ts'

const HOUR = 3600 * 1000
const DAY = 24 * HOUR

/** Milliseconds. */
export type RetentionTimes = {
  /** From a run's end to the purge of its log and commands on the broker. */
  log: number
  /** From a run's end to the purge of what is left of it on the broker but its id. */
  tombstones: number
  /** From a run's end to the removal of its rows: steps, attempts, circuits, artifacts, its result. */
  runs: number
  /** From a run's end to the removal of its log lines. */
  logs: number
  /** From the last time that a blob was stored to its removal, if nothing refers to it. */
  blobs: number
  /** From a dead letter to its removal. */
  dead: number
}

export const RETENTION_TIMES: RetentionTimes = Object.freeze({
  log: DAY,
  tombstones: 30 * DAY,
  runs: 365 * DAY,
  logs: 30 * DAY,
  blobs: DAY,
  dead: 30 * DAY,
})

/** Shorter than these would take away what somebody may still be at work with. */
const LEAST: RetentionTimes = { log: HOUR, tombstones: HOUR, runs: HOUR, logs: HOUR, blobs: HOUR, dead: HOUR }

const UNIT: Record<string, number> = { h: HOUR, d: DAY, w: 7 * DAY, y: 365 * DAY }
const EXAMPLE = 'QUBUS_RETENTION="runs=90d, logs=7d"'

/** @throws QubusError `BAD_ENVIRONMENT`, with what was got and what to write. */
export function parseRetention(text: string | undefined): RetentionTimes {
  const times = { ...RETENTION_TIMES }
  for (const part of (text ?? '').split(',')) {
    const entry = part.trim()
    if (entry === '') continue
    const [, name = '', count = '', unit = ''] = /^([a-z]+)\s*=\s*(\d+)([hdwy])$/.exec(entry) ?? []
    if (!Object.hasOwn(times, name)) {
      const known = Object.keys(times).join(', ')
      throw bad(entry, `NAME=TIME with a name of ${known}, and a time in h, d, w or y, joined by commas`)
    }
    const key = name as keyof RetentionTimes
    const ms = Number(count) * (UNIT[unit] ?? 0)
    if (ms < LEAST[key]) throw bad(entry, `a time of at least ${LEAST[key] / HOUR}h`)
    times[key] = ms
  }
  return Object.freeze(times)
}

function bad(got: string, wanted: string): QubusError {
  return new QubusError(
    'BAD_ENVIRONMENT',
    `QUBUS_RETENTION: got ${JSON.stringify(got)}; write ${wanted}, for example ${EXAMPLE}`,
    { facts: { key: 'QUBUS_RETENTION' } },
  )
}
