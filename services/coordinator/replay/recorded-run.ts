/** A run as its log has it: all that a replay of it needs. */
import type { Blobs } from '#shared/bus/blobs.ts'
import { QubusError } from '#shared/contract/errors.ts'
import type { Failure } from '#shared/contract/failure.ts'
import { type CompletedRecord, RequestedRecord } from '#shared/contract/run-record.ts'
import { parseRecordSubject } from '#shared/contract/subjects.ts'
import { VERSION } from '#shared/version.ts'
import { decode } from '#shared/wire/message.ts'
import { toItem } from '../item-order.ts'
import { fromStored } from '../log-record.ts'
import { assertReadable } from '../log-version.ts'
import type { RunStore } from '../run-store.ts'
import type { LogItem } from '../thread/protocol.ts'

/** How it ended: `steps` is the number of the last step that was asked for. */
export type RecordedEnd = {
  state: 'completed' | 'failed' | 'cancelled'
  result?: Uint8Array | undefined
  error?: Failure | undefined
  steps: number
}

/** An attempt of the flow as a whole; its steps are numbered from `base + 1`. */
export type RecordedAttempt = {
  attempt: number
  base: number
  /** What the flow was given, in the order of the log. */
  items: LogItem[]
  /** None while it is under way. */
  end: RecordedEnd | undefined
}

export type RecordedRun = {
  run: string
  requested: RequestedRecord
  params: Uint8Array
  /** In order; the last one is how the run ended. */
  attempts: RecordedAttempt[]
}

/** Where it is read from. */
export type Archive = { store: Pick<RunStore, 'read'>; blobs: Pick<Blobs, 'fromPayload'> }

/** Undefined when nothing of it is in the log. @throws QubusError `NOT_REPLAYABLE` when not all that is needed is there. */
export async function readRecordedRun(
  { store, blobs }: Archive,
  run: string,
): Promise<RecordedRun | undefined> {
  let requested: RequestedRecord | undefined
  let completed: CompletedRecord | undefined
  let current: RecordedAttempt = { attempt: 1, base: 0, items: [], end: undefined }
  const attempts = [current]
  const kept = async <T>(value: T | Promise<T>): Promise<T> => {
    try {
      return await value
    } catch (cause) {
      if (!(cause instanceof QubusError && cause.code === 'BLOB_MISSING')) throw cause
      throw notReplayable(run, 'a value that it was given is kept no more', cause)
    }
  }
  for await (const page of store.read(run)) {
    for (const stored of page) {
      if (parseRecordSubject(stored.subject)?.record.kind === 'requested') {
        requested = decode(RequestedRecord, stored.data)
        assertVersion(run, requested.version)
        continue
      }
      const entry = fromStored(stored)
      if (entry?.kind === 'completed') completed = entry.body
      else if (entry?.kind === 'flow-attempt') {
        const { error, base } = entry.body
        current.end = { state: 'failed', error, steps: base }
        current = { attempt: entry.attempt + 1, base, items: [], end: undefined }
        attempts.push(current)
      } else if (
        entry !== undefined &&
        completed === undefined &&
        (!('step' in entry) || entry.step > current.base)
      ) {
        const item = toItem(blobs, entry)
        if (item !== undefined) current.items.push(await kept(item))
      }
    }
  }
  if (requested === undefined) return undefined
  if (completed !== undefined) {
    const { state, result, error, steps } = completed
    if (steps > 0 && attempts.every(({ items }) => items.length === 0))
      throw notReplayable(
        run,
        'the outcomes of its steps are kept no more (they are for a day after the end: see QUBUS_RETENTION, log)',
      )
    current.end = { state, error, steps, result: result && (await kept(blobs.fromPayload(result))) }
  }
  return { run, requested, params: await kept(blobs.fromPayload(requested.payload)), attempts }
}

function assertVersion(run: string, began: string | undefined): void {
  try {
    assertReadable(run, began, VERSION)
  } catch (cause) {
    throw notReplayable(run, (cause as Error).message, cause)
  }
}

export function notReplayable(run: string, why: string, cause?: unknown): QubusError {
  return new QubusError('NOT_REPLAYABLE', `the run ${run} can't be replayed: ${why}`, {
    facts: { run },
    ...(cause === undefined ? {} : { cause }),
  })
}
