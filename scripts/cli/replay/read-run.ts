/** Gets a run and its code from the system: all of it before anything is replayed, since a debugger may stop us for hours. */
import type { Bundle } from '#shared/bundle/index.ts'
import { readAll } from '#shared/bus/direct.ts'
import { findRun, unknownRun } from '#shared/client/run-state.ts'
import { openSession, type Session } from '#shared/client/session.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { BUILTIN_BUNDLE } from '#shared/contract/flow-request.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { record } from '#shared/contract/subjects.ts'
import {
  notReplayable,
  type RecordedRun,
  readRecordedRun,
} from '../../../services/coordinator/replay/recorded-run.ts'

/** The code that the run had; `undefined` where it is a flow that Qubus brings along. */
export type RecordedCode = Pick<Bundle, 'bytes'> & { sourceRoot: string | undefined }

/**
 * @param withCode whether the code is wanted, too.
 * @throws QubusError `UNKNOWN_RUN`; `NOT_REPLAYABLE` when not all of it is kept.
 */
export async function readRun(
  run: string,
  withCode: boolean,
): Promise<{ recorded: RecordedRun; code: RecordedCode | undefined }> {
  await using session = await openSession()
  const { blobs, bus } = session
  const store = { read: (id: string) => readAll(bus.nc, STREAM.runs, record(id).all) }
  const recorded = await readRecordedRun({ store, blobs }, run)
  if (recorded === undefined) throw await whyNothing(session, run)
  const { bundle, sourceRoot } = recorded.requested
  if (!withCode || bundle === BUILTIN_BUNDLE) return { recorded, code: undefined }
  try {
    return { recorded, code: { bytes: await blobs.get(bundle), sourceRoot } }
  } catch (cause) {
    if (!(cause instanceof QubusError && cause.code === 'BLOB_MISSING')) throw cause
    throw notReplayable(run, 'its code is kept no more: name the file with --flow FILE', cause)
  }
}

async function whyNothing(session: Session, run: string): Promise<QubusError> {
  const found = await findRun(session, run)
  if (found === undefined) return unknownRun(run)
  if (found.state === 'queued') return notReplayable(run, 'no coordinator has taken it up yet')
  if (found.state === 'refused') return notReplayable(run, 'its request was refused before it began')
  return notReplayable(
    run,
    'its log is kept no more (it is for a day after the end: see QUBUS_RETENTION, log)',
  )
}
