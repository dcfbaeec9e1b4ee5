/** Accepts a flow request: checks it, and records `requested`, or finds that it was accepted before. */

import type { Delivery } from '#shared/bus/delivery.ts'
import { readLast } from '#shared/bus/direct.ts'
import { CONTENT_TYPE } from '#shared/bus/headers.ts'
import { QubusError } from '#shared/contract/errors.ts'
import type { Failure } from '#shared/contract/failure.ts'
import { FlowRequest } from '#shared/contract/flow-request.ts'
import { assertToken } from '#shared/contract/ids.ts'
import type { Payload } from '#shared/contract/payload.ts'
import { RequestedRecord } from '#shared/contract/run-record.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { record } from '#shared/contract/subjects.ts'
import { decode, encode } from '#shared/wire/message.ts'
import { requestDigest } from '#shared/wire/request-digest.ts'
import { encodeValue } from '#shared/wire/value.ts'
import type { CoordinatorContext } from './context.ts'

export type Accepted = {
  requested: RequestedRecord
  /** The log held nothing before. */
  fresh: boolean
  /** What is wrong with the request: the run ends with it at once. */
  refusal?: Failure
}

/** @throws QubusError `INVALID_REQUEST` for what is no request at all, `REQUEST_CONFLICT` when the run id has other parameters. */
export async function acceptRequest(
  context: CoordinatorContext,
  run: string,
  delivery: Delivery,
): Promise<Accepted> {
  assertToken('the run id', run)
  const request = readRequest(delivery)
  const payload = await payloadOf(context, request)
  const digest = requestDigest(request.flow, request.bundle, payload)
  const { nc } = context.actor.bus
  const known = delivery.deliveries > 1 ? await readLast(nc, STREAM.runs, record(run).requested) : undefined
  if (known)
    return { requested: sameOrConflict(run, decode(RequestedRecord, known.data), digest), fresh: false }

  const now = Date.now()
  const checked = await check(context, request, payload, now)
  const { params: _params, payload: _payload, ...rest } = request
  const requested: RequestedRecord = {
    ...rest,
    payload,
    digest,
    name: checked.ok ? checked.name : request.flow,
    ...(checked.ok && checked.timeoutSeconds !== undefined ? { timeoutSeconds: checked.timeoutSeconds } : {}),
    acceptedAt: now,
    coordinator: context.actor.id,
  }
  const creation = await context.runs.create({ subject: record(run).requested, body: encode(requested) })
  if (creation === 'stored')
    return { requested, fresh: true, ...(checked.ok ? {} : { refusal: checked.error }) }
  const first = await readLast(nc, STREAM.runs, record(run).requested)
  if (first === undefined)
    throw new QubusError('UNREACHABLE', `the request record of ${run} can't be read back`)
  return { requested: sameOrConflict(run, decode(RequestedRecord, first.data), digest), fresh: false }
}

function readRequest(delivery: Delivery): FlowRequest {
  if (!delivery.headers?.get(CONTENT_TYPE).includes('json')) return decode(FlowRequest, delivery.data)
  try {
    return FlowRequest.parse(JSON.parse(new TextDecoder().decode(delivery.data)))
  } catch (cause) {
    throw new QubusError('INVALID_REQUEST', `the flow request is malformed: ${(cause as Error).message}`, {
      cause,
    })
  }
}

function payloadOf(context: CoordinatorContext, request: FlowRequest): Payload | Promise<Payload> {
  if (request.payload !== undefined) return request.payload
  return context.actor.blobs.toPayload(encodeValue(request.params, 'the parameters'))
}

async function check(context: CoordinatorContext, request: FlowRequest, payload: Payload, now: number) {
  const file = await context.bundles.fileOf(request.bundle, request.sourceRoot)
  const params = await context.actor.blobs.fromPayload(payload)
  return context.threads.check({ file, flow: request.flow }, params, now)
}

function sameOrConflict(run: string, requested: RequestedRecord, digest: string): RequestedRecord {
  if (requested.digest === digest) return requested
  throw new QubusError(
    'REQUEST_CONFLICT',
    `the run id ${run} was used before with another flow, code or parameters: use a new one`,
  )
}
