/** Signals as the broker keeps them: each change is made on what was read, so none is lost and none is made twice. */
import type { NatsConnection } from '@nats-io/transport-node'
import { QubusError } from '../contract/errors.ts'
import type { Payload } from '../contract/payload.ts'
import { SignalRecord } from '../contract/signal.ts'
import { STREAM } from '../contract/streams.ts'
import { subject } from '../contract/subjects.ts'
import { decode, encode } from '../wire/message.ts'
import { readLast } from './direct.ts'
import { EXPECT_SEQUENCE, headerLine, wireHeaders } from './headers.ts'
import { muxOf } from './mux.ts'
import { verdictOf } from './verdict.ts'

export type SignalPlace = { scope: string; name: string }

export type SignalChange = { set: true; value?: Payload } | { set: false }

/** Changes that one remembers: who asks whether his was made must not come later than so many others. */
const REMEMBERED = 200
const TIMEOUT_MS = 5_000

export async function readSignal(
  nc: NatsConnection,
  { scope, name }: SignalPlace,
): Promise<{ record: SignalRecord | undefined; sequence: number }> {
  const stored = await readLast(nc, STREAM.signals, subject.signal(scope, name))
  if (stored === undefined) return { record: undefined, sequence: 0 }
  return { record: decode(SignalRecord, stored.data), sequence: stored.sequence }
}

/**
 * Makes the change once, however often it is called with the same `by`; resolves when it is on disk.
 * @param by names the change: a step, or something made up.
 * @throws QubusError `STREAM_FULL`; the signal's reason when it is aborted.
 */
export async function changeSignal(
  nc: NatsConnection,
  place: SignalPlace,
  change: SignalChange,
  by: string,
  abort?: AbortSignal,
): Promise<SignalRecord> {
  for (let tries = 0; ; tries++) {
    if (tries > 0)
      await new Promise((resolve) => setTimeout(resolve, Math.min(1000, 5 * 2 ** tries) * Math.random()))
    abort?.throwIfAborted()
    const before = await readSignal(nc, place).catch(() => undefined)
    if (before === undefined) continue
    if (before.record?.recent.includes(by)) return before.record
    const record = changed(before.record, change, by, Date.now())
    const verdict = await publish(nc, place, record, before.sequence)
    if (verdict === 'stored') return record
    if (verdict === 'full')
      throw new QubusError(
        'STREAM_FULL',
        `the signal ${place.name} could not be changed: ${STREAM.signals} is full`,
      )
  }
}

/** The state that follows from a change. */
export function changed(
  before: SignalRecord | undefined,
  change: SignalChange,
  by: string,
  at: number,
): SignalRecord {
  const { count = 0, recent = [] } = before ?? {}
  const value = change.set ? change.value : before?.value
  return {
    set: change.set,
    count: change.set ? count + 1 : count,
    ...(value === undefined ? {} : { value }),
    at,
    by,
    recent: [...recent, by].slice(-REMEMBERED),
  }
}

// A publish whose answer is lost is found in `recent` by the next look.
async function publish(
  nc: NatsConnection,
  { scope, name }: SignalPlace,
  record: SignalRecord,
  sequence: number,
) {
  const headers = wireHeaders(headerLine(EXPECT_SEQUENCE, String(sequence)))
  const reply = await muxOf(nc).request(subject.signal(scope, name), encode(record), headers, TIMEOUT_MS)
  return reply === undefined ? 'unknown' : verdictOf(reply)
}
