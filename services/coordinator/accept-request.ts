/** Accepts a flow request: checks it, and records `requested`, or finds that it was accepted before. */
import type { Delivery } from '#shared/bus/delivery.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { type Failure, toFailure } from '#shared/contract/failure.ts'
import { BUILTIN_BUNDLE, BUILTIN_FLOWS, type FlowRequest } from '#shared/contract/flow-request.ts'
import { assertToken, madeAt } from '#shared/contract/ids.ts'
import type { Payload } from '#shared/contract/payload.ts'
import { RequestedRecord, RetiredRecord } from '#shared/contract/run-record.ts'
import { record } from '#shared/contract/subjects.ts'
import { VERSION } from '#shared/version.ts'
import { decode, encode } from '#shared/wire/message.ts'
import { requestDigest } from '#shared/wire/request-digest.ts'
import { encodeValue } from '#shared/wire/value.ts'
import type { CoordinatorContext } from './context.ts'
import { assertReadable } from './log-version.ts'
import type { FindCode, FlowCode } from './published.ts'
import { readRequest } from './read-request.ts'

export type Accepted = {
  requested: RequestedRecord
  /** The log held nothing before. */
  fresh: boolean
  /** What is wrong with the request: the run ends with it at once. */
  refusal?: Failure
}

export type AcceptOptions = {
  context: CoordinatorContext
  findCode: FindCode
}

/**
 * @throws QubusError `INVALID_REQUEST` for what is no request at all, `REQUEST_CONFLICT` when the run id has other
 *   parameters, `VERSION_UNSUPPORTED` when a later version began the run.
 */
export async function acceptRequest(
  { context, findCode }: AcceptOptions,
  run: string,
  delivery: Delivery,
): Promise<Accepted> {
  assertToken('the run id', run)
  const request = readRequest(delivery)
  const payload = await payloadOf(context, request)
  const digest = requestDigest(request.flow, request.bundle, payload)
  const log = record(run)
  const now = context.clock.now()
  if (delivery.deliveries > 1 || mayBeRetired(run, now)) {
    const known = await context.store.last(log.requested, log.retired)
    const present = known.find(({ subject }) => subject === log.requested)
    if (present) return { requested: acceptedBefore(run, present.data, digest), fresh: false }
    const retired = known.find(({ subject }) => subject === log.retired)
    if (retired) throw retiredError(run, decode(RetiredRecord, retired.data), digest)
  }
  const { code, checked } = await check(context, findCode, request, payload, now)
  const origin = await originOf(context, request)
  const { params: _params, payload: _payload, ...rest } = request
  const timeoutSeconds = request.timeoutSeconds ?? (checked.ok ? checked.timeoutSeconds : undefined)
  const requested: RequestedRecord = {
    ...rest,
    bundle: code.bundle,
    ...(code.sourceRoot === undefined ? {} : { sourceRoot: code.sourceRoot }),
    payload,
    digest,
    name: checked.ok ? checked.name : request.flow,
    ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
    ...(checked.ok && checked.retry !== undefined ? { retry: checked.retry } : {}),
    ...(origin === undefined ? {} : { origin }),
    acceptedAt: now,
    coordinator: context.id,
    version: VERSION,
  }
  const creation = await context.store.create({ subject: log.requested, body: encode(requested) })
  if (creation === 'stored')
    return { requested, fresh: true, ...(checked.ok ? {} : { refusal: checked.error }) }
  const [first] = await context.store.last(log.requested)
  if (first === undefined)
    throw new QubusError('UNREACHABLE', `the request record of ${run} can't be read back`)
  return { requested: acceptedBefore(run, first.data, digest), fresh: false }
}

// An id that was made up a moment ago can't have been used long ago: most requests need no look.
const TOMBSTONES_LAST_MS = 24 * 3600 * 1000

function mayBeRetired(run: string, now: number): boolean {
  const made = madeAt(run)
  return made === undefined || now - made > TOMBSTONES_LAST_MS
}

function payloadOf({ blobs }: CoordinatorContext, request: FlowRequest): Payload | Promise<Payload> {
  if (request.payload !== undefined) return request.payload
  return blobs.toPayload(encodeValue(request.params, 'the parameters'))
}

async function check(
  context: CoordinatorContext,
  findCode: FindCode,
  request: FlowRequest,
  payload: Payload,
  now: number,
) {
  const code = await findCode(request)
  if (code.bundle === BUILTIN_BUNDLE && !BUILTIN_FLOWS.includes(request.flow))
    return { code, checked: { ok: false as const, error: unknownFlow(request.flow) } }
  try {
    const file = await context.bundles.fileOf(code.bundle, code.sourceRoot)
    const params = await context.blobs.fromPayload(payload)
    return { code, checked: await context.threads.check({ file, flow: request.flow }, params, now) }
  } catch (error) {
    // What was never stored will not appear: the run says so at once instead of asking again for minutes.
    if (!(error instanceof QubusError && error.code === 'BLOB_MISSING')) throw error
    return { code, checked: { ok: false as const, error: missingCode(request, code, error) } }
  }
}

function unknownFlow(flow: string): Failure {
  return toFailure(
    new QubusError(
      'UNKNOWN_FLOW',
      `no flow ${JSON.stringify(flow)} is published, or built in: qubus flows lists what is published, qubus publish FILE adds the flows of a file`,
      { facts: { flow } },
    ),
    'UNKNOWN_FLOW',
  )
}

function missingCode({ flow }: FlowRequest, { bundle }: FlowCode, cause: QubusError): Failure {
  return toFailure(
    new QubusError(
      'BUNDLE_FAILED',
      `the code of flow ${JSON.stringify(flow)} (bundle ${bundle}), or its parameters, are not in the store: publish it again`,
      {
        cause,
      },
    ),
    'BUNDLE_FAILED',
  )
}

// A run that goes on from another one begins from its time and chance: then it asks for the same.
async function originOf(
  { store }: CoordinatorContext,
  { resumes }: FlowRequest,
): Promise<RequestedRecord['origin']> {
  if (resumes === undefined) return undefined
  const [stored] = await store.last(record(resumes).requested)
  if (stored === undefined) return undefined
  const { origin, acceptedAt } = decode(RequestedRecord, stored.data)
  return origin ?? { run: resumes, at: acceptedAt }
}

function acceptedBefore(run: string, data: Uint8Array, digest: string): RequestedRecord {
  const requested = decode(RequestedRecord, data)
  if (requested.digest !== digest) throw conflict(run)
  assertReadable(run, requested.version, VERSION)
  return requested
}

function retiredError(run: string, retired: RetiredRecord, digest: string): QubusError {
  if (retired.digest !== digest) return conflict(run)
  return new QubusError(
    'REQUEST_CONFLICT',
    `the run ${run} has ended, and its log is gone: qubus result ${run} still knows what it came to`,
    { facts: { run, retired: true } },
  )
}

function conflict(run: string): QubusError {
  return new QubusError(
    'REQUEST_CONFLICT',
    `the run id ${run} was used before with another flow, code or parameters: use a new one`,
  )
}
