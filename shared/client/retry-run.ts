/** A new run that goes on from where another one failed: what completed there is not done again. */

import type { Bundle } from '../bundle/index.ts'
import { readAll } from '../bus/direct.ts'
import { QubusError } from '../contract/errors.ts'
import type { FlowRequest } from '../contract/flow-request.ts'
import { assertToken, newRunId } from '../contract/ids.ts'
import type { CompletedRecord, RequestedRecord } from '../contract/run-record.ts'
import { STREAM } from '../contract/streams.ts'
import { parseRecordSubject, record } from '../contract/subjects.ts'
import { decodeValue } from '../wire/value.ts'
import { sendAs } from './request.ts'
import { findRun, unknownRun } from './run-state.ts'
import type { Session } from './session.ts'

export type RetryOptions = {
  /** Id of the new run; made up when not given. */
  run?: string | undefined
  /** A flow file with the code as it is now, `file.ts#export`; default: the code that the run had. */
  file?: string | undefined
}

export type Retry = { run: string; flow: string; resumes: string }

/**
 * Asks for it, with the parameters, project, tags and so on of the run that failed or was cancelled.
 * @throws QubusError `UNKNOWN_RUN`; `NOT_RESUMABLE` when it has not ended, has completed, is a sub-flow, or its log is
 * gone; `REQUEST_CONFLICT`; what a bad flow file throws.
 */
export async function retryRun(session: Session, failed: string, options: RetryOptions = {}): Promise<Retry> {
  assertToken('the run id', failed)
  const run = assertToken('the run id', options.run ?? newRunId())
  if (run === failed) throw notResumable(failed, 'the new run needs an id of its own')
  const requested = await failedRun(session, failed)
  const params = options.file && decodeValue(await session.blobs.fromPayload(requested.payload))
  const code = options.file && (await codeIn(options.file, params, failed, requested.flow))
  if (code) await session.blobs.put(code.bytes)
  const { flow, payload, project, priority, tags, pool, timeoutSeconds } = requested
  const sourceRoot = code ? code.sourceRoot : requested.sourceRoot
  const request: FlowRequest = {
    flow,
    bundle: code ? code.hash : requested.bundle,
    ...(sourceRoot === undefined ? {} : { sourceRoot }),
    payload,
    requestedAt: Date.now(),
    user: session.user,
    ...(project === undefined ? {} : { project }),
    ...(priority === undefined ? {} : { priority }),
    ...(tags === undefined ? {} : { tags }),
    ...(pool === undefined ? {} : { pool }),
    // With other code, its own time-out may be another one.
    ...(timeoutSeconds === undefined || code ? {} : { timeoutSeconds }),
    resumes: failed,
  }
  await sendAs(session, run, request, options.run === undefined)
  return { run, flow, resumes: failed }
}

async function failedRun(session: Session, run: string): Promise<RequestedRecord> {
  const found = await findRun(session, run)
  if (found === undefined) throw unknownRun(run)
  if (found.state === 'refused')
    throw notResumable(run, 'its request was refused before it began: send a new one')
  if (found.state !== 'ended') throw notResumable(run, `it is ${found.state}: wait for its end, or cancel it`)
  const { requested, completed } = found
  if (completed.state === 'completed')
    throw notResumable(run, 'it has completed: there is nothing left to do')
  if (requested === undefined || (await isPurged(session, run, completed)))
    throw notResumable(run, 'its log is gone (kept for a day after the end): send a new request')
  if (requested.parent !== undefined)
    throw notResumable(
      run,
      `it is a sub-flow: retry ${requested.parent.root ?? requested.parent.run}, the run at the top`,
    )
  return requested
}

// Of a run that is purged, two records are left for as long as its id may be asked for again.
async function isPurged({ bus }: Session, run: string, { steps }: CompletedRecord): Promise<boolean> {
  if (steps === 0) return false
  for await (const page of readAll(bus.nc, STREAM.runs, record(run).all))
    if (page.some(({ subject }) => 'step' in (parseRecordSubject(subject)?.record ?? {}))) return false
  return true
}

async function codeIn(file: string, params: unknown, run: string, flow: string): Promise<Bundle> {
  const { prepareFlow } = await import('./prepare-flow.ts')
  const prepared = await prepareFlow(file, params)
  if (prepared.bundle === undefined) throw notResumable(run, `${file} is no flow file`)
  if (prepared.flow !== flow)
    throw notResumable(
      run,
      `it is of flow ${JSON.stringify(flow)}, ${file} gives ${JSON.stringify(prepared.flow)}: write FILE#export`,
    )
  return prepared.bundle
}

function notResumable(run: string, why: string): QubusError {
  return new QubusError('NOT_RESUMABLE', `the run ${run} can't be retried: ${why}`, { facts: { run } })
}
