/** Schedules: flow requests that the broker repeats. It keeps the time, and whoever coordinates asks for the run. */
import { readAll, readLast, readLastHeaders } from '../bus/direct.ts'
import { headerLine, wireHeaders } from '../bus/headers.ts'
import { muxOf } from '../bus/mux.ts'
import { QubusError } from '../contract/errors.ts'
import { assertToken } from '../contract/ids.ts'
import { SCHEDULE_HEADER, ScheduleRecord, scheduleText } from '../contract/schedule.ts'
import { STREAM } from '../contract/streams.ts'
import { filter, lastToken, subject } from '../contract/subjects.ts'
import { decode, encode } from '../wire/message.ts'
import { purgeSubject } from './purge.ts'
import { type RunRequest, toRequest } from './request.ts'
import type { Session } from './session.ts'

export type ScheduleOptions = {
  /** Five fields of cron, or six (seconds first), `@hourly`, `@daily`, `@every 90s`, … */
  when: string
  /** A time zone's name, such as `Europe/Berlin`; UTC without. */
  timeZone?: string | undefined
}

export type ScheduleView = {
  schedule: string
  when: string
  timeZone?: string
  flow: string
  by: string
  /** When it was set, in Unix milliseconds. */
  at: number
  /** When it was last due, and when it is due next; undefined before the first time. */
  last?: number
  next?: number
  /** It is not due until it is resumed. */
  paused?: true
}

const TIMEOUT_MS = 5_000
/** A tick that nobody hears for so long, because no coordinator runs, is let go. */
const TICKS_LAST = '24h'
/** A next time that has passed for so long was of before a pause. */
const STALE_MS = 60_000
/** The broker has no bound for schedules that would refuse a new one, only one that would push out the oldest. */
const MOST_BYTES = 256 * 1024 ** 2

/**
 * Makes the schedule, or replaces the one of that name. The run of a tick is `<name>-<time>`: the same for whoever
 * hears it.
 * @throws QubusError `INVALID_NAME`, `INVALID_OPTION`, `INVALID_REQUEST`, `UNENCODABLE`, `STREAM_FULL`, `UNREACHABLE`.
 */
export async function setSchedule(
  session: Session,
  schedule: string,
  { when, timeZone }: ScheduleOptions,
  wanted: Omit<RunRequest, 'run'>,
): Promise<ScheduleView> {
  assertToken('the schedule', schedule)
  // With the time, its name is the id of a run.
  if (schedule.length > 100)
    throw new QubusError(
      'INVALID_NAME',
      `the schedule ${schedule}: a name of at most 100 characters is wanted`,
    )
  await assertRoom(session, schedule)
  const { requestedAt: _, ...request } = await toRequest(session, wanted)
  const record: ScheduleRecord = {
    when: scheduleText(when),
    ...(timeZone === undefined ? {} : { timeZone }),
    request,
    by: session.user,
    at: Date.now(),
  }
  await store(session, schedule, record)
  return viewOf(schedule, record)
}

/**
 * It is not due any more until it is resumed; what was due already is run. One that is paused stays paused.
 * @returns undefined when there is none of that name.
 * @throws QubusError `INVALID_NAME`, `UNREACHABLE`.
 */
export function pauseSchedule(session: Session, schedule: string): Promise<ScheduleView | undefined> {
  return change(session, schedule, true)
}

/** It is due again at its times; those that have passed meanwhile are not made up for. Otherwise as {@link pauseSchedule}. */
export function resumeSchedule(session: Session, schedule: string): Promise<ScheduleView | undefined> {
  return change(session, schedule, false)
}

async function change(session: Session, schedule: string, pause: boolean): Promise<ScheduleView | undefined> {
  assertToken('the schedule', schedule)
  const stored = await readLast(session.bus.nc, STREAM.schedules, subject.schedule(schedule))
  if (stored === undefined) return undefined
  const { paused = false, ...record } = decode(ScheduleRecord, stored.data)
  const changed: ScheduleRecord = { ...record, ...(pause ? { paused: true } : {}) }
  if (paused !== pause) await store(session, schedule, changed)
  return withTicks(session, viewOf(schedule, changed))
}

/** A message takes the place of the one before, and is due only where its headers say when. */
async function store(session: Session, schedule: string, record: ScheduleRecord): Promise<void> {
  const { when, timeZone, paused } = record
  const headers = paused
    ? headerLine('Nats-Rollup', 'sub')
    : headerLine(SCHEDULE_HEADER.pattern, when) +
      headerLine(SCHEDULE_HEADER.target, subject.tick(schedule)) +
      headerLine(SCHEDULE_HEADER.ttl, TICKS_LAST) +
      (timeZone === undefined ? '' : headerLine(SCHEDULE_HEADER.timeZone, timeZone))
  const reply = await muxOf(session.bus.nc).request(
    subject.schedule(schedule),
    encode(record),
    wireHeaders(headers),
    TIMEOUT_MS,
  )
  if (reply === undefined)
    throw new QubusError(
      'UNREACHABLE',
      `the schedule ${schedule} could not be set: the broker does not answer`,
    )
  const { error } = JSON.parse(reply.string()) as { error?: { description?: string } }
  if (error !== undefined) throw refused(schedule, when, timeZone, error.description ?? '')
}

async function assertRoom({ bus }: Session, schedule: string): Promise<void> {
  const reply = await muxOf(bus.nc).request(
    `$JS.API.STREAM.INFO.${STREAM.schedules}`,
    '',
    undefined,
    TIMEOUT_MS,
  )
  const { state } = JSON.parse(reply?.string() ?? '{}') as { state?: { bytes: number } }
  if ((state?.bytes ?? 0) > MOST_BYTES)
    throw new QubusError(
      'STREAM_FULL',
      `the schedule ${schedule} was refused: schedules and their ticks take more than ${MOST_BYTES / 1024 ** 2} MiB; remove some, or give their flows smaller parameters`,
    )
}

/** By name. */
export async function listSchedules(session: Session): Promise<ScheduleView[]> {
  const views: ScheduleView[] = []
  for await (const page of readAll(session.bus.nc, STREAM.schedules, filter.schedules)) {
    for (const { subject: at, data } of page) {
      const name = lastToken(at)
      views.push(await withTicks(session, viewOf(name, decode(ScheduleRecord, data))))
    }
  }
  return views.sort((a, b) => a.schedule.localeCompare(b.schedule, 'en', { numeric: true }))
}

/** No run of it is asked for any more; those that were go on. @returns false when there was none. */
export async function removeSchedule(session: Session, schedule: string): Promise<boolean> {
  assertToken('the schedule', schedule)
  return (await purgeSubject(session, STREAM.schedules, subject.schedule(schedule))) > 0
}

async function withTicks({ bus }: Session, view: ScheduleView): Promise<ScheduleView> {
  const tick = await readLastHeaders(bus.nc, STREAM.schedules, subject.tick(view.schedule))
  if (tick === undefined) return view
  const last = Date.parse(tick.get('Nats-Time-Stamp'))
  const next = Date.parse(tick.get(SCHEDULE_HEADER.next))
  // The next time is what the last tick knew: of one that was paused or resumed since, it says nothing.
  return {
    ...view,
    last,
    ...(Number.isNaN(next) || view.paused || next < Date.now() - STALE_MS ? {} : { next }),
  }
}

function viewOf(schedule: string, record: ScheduleRecord): ScheduleView {
  const { when, timeZone, request, by, at, paused } = record
  return {
    schedule,
    when,
    ...(timeZone === undefined ? {} : { timeZone }),
    flow: request.flow,
    by,
    at,
    ...(paused ? { paused } : {}),
  }
}

function refused(schedule: string, when: string, timeZone: string | undefined, why: string): QubusError {
  const zone = /zone/i.test(why)
  return new QubusError(
    'INVALID_OPTION',
    zone
      ? `the time zone ${JSON.stringify(timeZone)} of schedule ${schedule}: write a name such as Europe/Berlin, and none with @every (${why})`
      : `schedule ${schedule}: ${JSON.stringify(when)} is no time that repeats: write five fields of cron ("0 8 * * 1-5"), six with seconds first, @hourly, @daily, or "@every 90s" (${why})`,
    { facts: { schedule } },
  )
}
