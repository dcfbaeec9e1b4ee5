/** Global concurrency limits, as the broker has them: a limit is a consumer of permits, its places what it may hold. */
import { deleteConsumer, ensureConsumer, listConsumers } from '../bus/consumers.ts'
import { QubusError } from '../contract/errors.ts'
import { assertToken } from '../contract/ids.ts'
import { MOST_PLACES } from '../contract/permit.ts'
import { CONSUMER, STREAM } from '../contract/streams.ts'
import { filter } from '../contract/subjects.ts'
import type { Session } from './session.ts'

export type LimitView = {
  limit: string
  /** Steps that may be under way at once, over all runs. */
  places: number
  taken: number
  /** Steps that wait for a place. */
  waiting: number
}

const PREFIX = CONSUMER.limit('')

/** By name. @throws QubusError `UNREACHABLE`. */
export async function listLimits({ bus }: Session): Promise<LimitView[]> {
  const found = await reached(listConsumers(bus.nc, STREAM.permits), 'the limits could not be read')
  return found
    .filter(({ name }) => name.startsWith(PREFIX))
    .map(({ name, maxAckPending, ackPending, pending }) => ({
      limit: name.slice(PREFIX.length),
      places: maxAckPending,
      taken: ackPending,
      waiting: pending,
    }))
    .sort((a, b) => a.limit.localeCompare(b.limit, 'en', { numeric: true }))
}

/**
 * Makes the limit, or gives it another number of places: fewer than are taken now are reached as steps end.
 * @throws QubusError `INVALID_NAME`, `INVALID_OPTION`, `UNREACHABLE`.
 */
export async function setLimit(
  session: Session,
  limit: string,
  places: number,
): Promise<{ limit: string; places: number; was?: number }> {
  assertToken('the limit', limit)
  if (!Number.isInteger(places) || places < 1 || places > MOST_PLACES)
    throw new QubusError(
      'INVALID_OPTION',
      `a limit of ${places} places: write a whole number, 1 to ${MOST_PLACES}`,
    )
  const before = (await listLimits(session)).find((each) => each.limit === limit)
  const made = ensureConsumer(
    session.bus.nc,
    STREAM.permits,
    CONSUMER.limit(limit),
    filter.limitPermits(limit),
    places,
  )
  await reached(made, `the limit ${limit} could not be set`)
  return { limit, places, ...(before === undefined ? {} : { was: before.places }) }
}

/**
 * Takes the limit away: steps that ask for it from then on fail as `UNKNOWN_LIMIT`.
 * @param force also while steps hold or wait for places of it: those that wait then do so until it is set again.
 * @throws QubusError `UNKNOWN_LIMIT`; `INVALID_OPTION` while it is in use; `UNREACHABLE`.
 */
export async function removeLimit(session: Session, limit: string, force = false): Promise<LimitView> {
  assertToken('the limit', limit)
  const all = await listLimits(session)
  const found = all.find((each) => each.limit === limit)
  if (found === undefined) {
    const there = all.map((each) => each.limit).join(', ') || 'none'
    throw new QubusError(
      'UNKNOWN_LIMIT',
      `no limit ${JSON.stringify(limit)} is set: run qubus limit set ${limit} N; there is: ${there}`,
      { facts: { limit } },
    )
  }
  if (!force && found.taken + found.waiting > 0)
    throw new QubusError(
      'INVALID_OPTION',
      `the limit ${limit} is in use: ${found.taken} of ${found.places} places taken, ${found.waiting} steps wait; give it more places instead, or remove it with --force (who waits then waits until it is set again)`,
      { facts: { limit } },
    )
  await deleteConsumer(session.bus.nc, STREAM.permits, CONSUMER.limit(limit))
  return found
}

function reached<T>(asked: Promise<T>, what: string): Promise<T> {
  return asked.catch((cause: unknown) => {
    throw new QubusError('UNREACHABLE', what, { cause })
  })
}
