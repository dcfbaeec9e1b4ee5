/** Signals, for those who are no flow: set, read, cleared, listed. */
import { readAll } from '../bus/direct.ts'
import { changeSignal, readSignal, type SignalChange } from '../bus/signals.ts'
import { QubusError } from '../contract/errors.ts'
import { assertToken, newRunId } from '../contract/ids.ts'
import { SHARED_SCOPE, SignalRecord } from '../contract/signal.ts'
import { STREAM } from '../contract/streams.ts'
import { filter } from '../contract/subjects.ts'
import { decode } from '../wire/message.ts'
import { decodeValue, encodeValue } from '../wire/value.ts'
import type { Session } from './session.ts'

/** A broker that is away this long will not come back while somebody waits at a prompt. */
const PATIENCE_MS = 20_000

export type SignalView = {
  signal: string
  /** `shared`, or the run at the top of the tree of runs that sees it. */
  scope: string
  set: boolean
  /** What it was last set to; undefined when it never was, or to nothing. */
  value?: unknown
  /** How often it has been set. */
  count: number
  /** When it was last set or cleared, in Unix milliseconds. */
  at: number
  /** Who did that: a step (`<run>.<step>`), or a user. */
  by: string
}

/** Which signals: `shared` ones (default), or those of the run at the top of a tree. */
export type SignalScope = { scope?: string | undefined }

/** Sets it, whatever it was: those who wait go on with `metadata`. @throws QubusError `INVALID_NAME`, `UNENCODABLE`, `STREAM_FULL`, `UNREACHABLE`. */
export async function setSignal(
  session: Session,
  signal: string,
  metadata?: unknown,
  { scope = SHARED_SCOPE }: SignalScope = {},
): Promise<SignalView> {
  const bytes = encodeValue(metadata, `the metadata of signal ${JSON.stringify(signal)}`)
  return change(session, signal, scope, { set: true, value: await session.blobs.toPayload(bytes) })
}

/** From now on it is not set. @throws QubusError `INVALID_NAME`, `STREAM_FULL`. */
export function clearSignal(
  session: Session,
  signal: string,
  { scope = SHARED_SCOPE }: SignalScope = {},
): Promise<SignalView> {
  return change(session, signal, scope, { set: false })
}

/** Undefined when it was never set. @throws QubusError `INVALID_NAME`, `UNREACHABLE`. */
export async function getSignal(
  session: Session,
  signal: string,
  { scope = SHARED_SCOPE }: SignalScope = {},
): Promise<SignalView | undefined> {
  const { record } = await readSignal(session.bus.nc, place(signal, scope))
  return record && viewOf(session, scope, signal, record)
}

/** By scope and name, also those that are clear again; of all scopes unless one is named. */
export async function listSignals(session: Session, { scope }: SignalScope = {}): Promise<SignalView[]> {
  const which = scope === undefined ? filter.signals : filter.scopeSignals(assertToken('the scope', scope))
  const views: SignalView[] = []
  for await (const page of readAll(session.bus.nc, STREAM.signals, which)) {
    for (const { subject, data } of page) {
      const [name = '', of = ''] = subject.split('.').reverse()
      views.push(await viewOf(session, of, name, decode(SignalRecord, data)))
    }
  }
  return views.sort((a, b) => `${a.scope} ${a.signal}`.localeCompare(`${b.scope} ${b.signal}`, 'en'))
}

async function change(
  session: Session,
  signal: string,
  scope: string,
  wanted: SignalChange,
): Promise<SignalView> {
  const by = `${session.user}@${newRunId()}`
  const patience = AbortSignal.timeout(PATIENCE_MS)
  const changed = changeSignal(session.bus.nc, place(signal, scope), wanted, by, patience)
  const record = await changed.catch((cause: unknown) => {
    if (!patience.aborted) throw cause
    throw new QubusError(
      'UNREACHABLE',
      `the signal ${signal} could not be changed: the broker does not answer`,
      { cause },
    )
  })
  return viewOf(session, scope, signal, record)
}

function place(signal: string, scope: string): { scope: string; name: string } {
  return { scope: assertToken('the scope', scope), name: assertToken('the signal', signal) }
}

async function viewOf(
  session: Session,
  scope: string,
  signal: string,
  { set, count, value, at, by }: SignalRecord,
): Promise<SignalView> {
  const known = value && decodeValue(await session.blobs.fromPayload(value))
  const mark = by.lastIndexOf('@')
  return {
    signal,
    scope,
    set,
    ...(known === undefined ? {} : { value: known }),
    count,
    at,
    by: mark < 0 ? by : by.slice(0, mark),
  }
}
