/** Cancelling a run: the record first, then a word to whoever works for it. */
import { cloudHeaders } from '../bus/headers.ts'
import { Publisher } from '../bus/publisher.ts'
import { eventType } from '../contract/event.ts'
import { assertToken } from '../contract/ids.ts'
import type { CancelRecord } from '../contract/run-record.ts'
import { STREAM } from '../contract/streams.ts'
import { record, subject } from '../contract/subjects.ts'
import { encode } from '../wire/message.ts'
import { findRun, unknownRun } from './run-state.ts'
import type { Session } from './session.ts'

/** `asked`: it will end soon. `asked-before`: somebody was first. `ended`: there is nothing to cancel any more. */
export type Cancellation = { run: string; cancel: 'asked' | 'asked-before' | 'ended'; state: string }

/** @throws QubusError `UNKNOWN_RUN`. */
export async function cancelRun(session: Session, run: string, reason?: string): Promise<Cancellation> {
  assertToken('the run id', run)
  const found = await findRun(session, run)
  if (found === undefined) throw unknownRun(run)
  if (found.state === 'ended') return { run, cancel: 'ended', state: found.completed.state }
  if (found.state === 'refused') return { run, cancel: 'ended', state: 'failed' }
  const body: CancelRecord = { by: session.user, ...(reason === undefined ? {} : { reason }), at: Date.now() }
  const publisher = new Publisher(session.bus.nc, { stream: STREAM.runs, whenFull: 'throw' })
  const created = await publisher.create({
    subject: record(run).cancel,
    body: encode(body),
    headers: cloudHeaders({
      type: eventType('run', 'cancel'),
      id: `${run}.cancel`,
      source: `/qubus/client/${session.user}`,
      time: body.at,
    }),
  })
  publisher.close()
  session.bus.nc.publish(subject.control(run), encode({}))
  await session.bus.nc.flush()
  return { run, cancel: created === 'stored' ? 'asked' : 'asked-before', state: found.state }
}
