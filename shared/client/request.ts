/** Asking for a run: the bundle's blob first, then the request itself, create-if-absent. */
import { readLast, readLastOf } from '../bus/direct.ts'
import { CONTENT_TYPE, cloudHeaders, headerLine } from '../bus/headers.ts'
import { QubusError } from '../contract/errors.ts'
import { eventType } from '../contract/event.ts'
import { FlowRequest } from '../contract/flow-request.ts'
import { assertToken, newRunId } from '../contract/ids.ts'
import { RequestedRecord, RetiredRecord } from '../contract/run-record.ts'
import { STREAM } from '../contract/streams.ts'
import { filter, record, subject } from '../contract/subjects.ts'
import { decode, encode } from '../wire/message.ts'
import { encodeValue } from '../wire/value.ts'
import { bundleOfName } from './published-flows.ts'
import { unpackRequest } from './run-state.ts'
import { digestOf, sameWork } from './same-work.ts'
import type { Session } from './session.ts'

export type RunRequest = {
  /** Name of the flow in the bundle, or of a published or built-in flow. */
  flow: string
  /**
   * The flow's code: what `bundleFlowFile` gives, or the SHA-256 of a bundle that is stored already. Without it: the flow that is
   * published under that name when the run begins, or a built-in one. */
  bundle?: { bytes: Uint8Array; hash: string; sourceRoot?: string } | string
  /** Where the sources were, for the file names in stacks. */
  sourceRoot?: string
  params?: unknown
  /** Id of the run; made up when not given. The same id with the same work is the same run. */
  run?: string
  project?: string
  /** Higher is sooner; default 0. */
  priority?: number
  tags?: string[]
  /** Default pool of the run's steps. */
  pool?: string
  /** The run is ended after so long; default: the flow's own time-out. */
  timeoutSeconds?: number
  /** For whom it is asked; default: the user of this process. */
  user?: string
}

/**
 * Asks for a run and returns its id once the broker has the request on disk.
 * @throws QubusError `INVALID_NAME`, `INVALID_REQUEST`, `UNENCODABLE` before anything is sent; `REQUEST_CONFLICT` when
 * the run id stands for other work; `STREAM_FULL`; `UNREACHABLE`.
 */
export async function sendRequest(session: Session, wanted: RunRequest): Promise<string> {
  const run = assertToken('the run id', wanted.run ?? newRunId())
  return sendAs(session, run, await toRequest(session, wanted), wanted.run === undefined)
}

/**
 * Sends a request that is put together already.
 * @param fresh the id was made up just now: nobody else can have used it.
 */
export async function sendAs(
  session: Session,
  run: string,
  request: FlowRequest,
  fresh: boolean,
): Promise<string> {
  // A request that was taken up is gone from its stream: what the log says comes first.
  if (!fresh && (await known(session, run, request))) return run
  if ((await publish(session, run, encode(request))) === 'stored') return run
  if (await known(session, run, request)) return run
  throw new QubusError(
    'UNREACHABLE',
    `the request for run ${run} was refused, and the run can't be found: try again`,
  )
}

/** The request as it travels; what it refers to is stored. @throws QubusError `INVALID_REQUEST`, `UNENCODABLE`. */
export async function toRequest(session: Session, wanted: RunRequest): Promise<FlowRequest> {
  const params = encodeValue(wanted.params, `the parameters of flow ${JSON.stringify(wanted.flow)}`)
  const { bundle = bundleOfName(wanted.flow) } = wanted
  const sourceRoot = wanted.sourceRoot ?? (typeof bundle === 'string' ? undefined : bundle?.sourceRoot)
  const draft = {
    flow: wanted.flow,
    ...(bundle === undefined ? {} : { bundle: typeof bundle === 'string' ? bundle : bundle.hash }),
    ...(sourceRoot === undefined ? {} : { sourceRoot }),
    requestedAt: Date.now(),
    user: wanted.user ?? session.user,
    ...(wanted.project === undefined ? {} : { project: wanted.project }),
    ...(wanted.priority === undefined ? {} : { priority: wanted.priority }),
    ...(wanted.tags === undefined ? {} : { tags: wanted.tags }),
    ...(wanted.pool === undefined ? {} : { pool: wanted.pool }),
    ...(wanted.timeoutSeconds === undefined ? {} : { timeoutSeconds: wanted.timeoutSeconds }),
  }
  const checked = FlowRequest.safeParse(draft)
  if (!checked.success) {
    const issue = checked.error.issues[0]
    throw new QubusError('INVALID_REQUEST', `the request's ${issue?.path.join('.')}: ${issue?.message}`)
  }
  if (typeof bundle === 'object') await session.blobs.put(bundle.bytes)
  return { ...checked.data, payload: await session.blobs.toPayload(params) }
}

/** A broker that is away this long will not come back while somebody waits at a prompt. */
const PATIENCE_MS = 20_000

async function publish(
  { requests, user }: Session,
  run: string,
  body: Uint8Array,
): Promise<'stored' | 'present'> {
  let patience: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    patience = setTimeout(
      () => reject(new QubusError('UNREACHABLE', 'the broker has not taken the request: try again')),
      PATIENCE_MS,
    )
  })
  const headers = queuedHeaders(run, user)
  try {
    return await Promise.race([
      requests.create({ subject: subject.request(run), storedAs: subject.flow(run), body, headers }),
      late,
    ])
  } finally {
    clearTimeout(patience)
  }
}

// The broker tells those who watch with these very headers.
function queuedHeaders(run: string, user: string): string {
  const event = {
    type: eventType('run', 'queued'),
    id: `${run}.queued`,
    source: `/qubus/client/${encodeURIComponent(user)}`,
    time: Date.now(),
  }
  return cloudHeaders(event) + headerLine(CONTENT_TYPE, 'application/msgpack')
}

/** Whether the run exists and does the same work. @throws QubusError `REQUEST_CONFLICT` when it does other work. */
async function known(session: Session, run: string, request: FlowRequest): Promise<boolean> {
  const log = record(run)
  const [found, waiting] = await Promise.all([
    readLastOf(session.bus.nc, STREAM.runs, [log.requested, log.retired]),
    readLast(session.bus.nc, STREAM.flows, filter.flowAnyShard(run)),
  ])
  const taken = found.find(({ subject }) => subject === log.requested)
  const retired = found.find(({ subject }) => subject === log.retired)
  if (retired && !taken) {
    if (decode(RetiredRecord, retired.data).digest === digestOf(request)) return true
    throw conflict(run, 'for other work')
  }
  const present = taken
    ? decode(RequestedRecord, taken.data)
    : waiting
      ? FlowRequest.safeParse(unpackRequest(waiting.data)).data
      : undefined
  if (present === undefined) return false
  if (sameWork(present, request)) return true
  const what =
    present.flow === request.flow
      ? 'with other parameters or other code'
      : `for flow ${JSON.stringify(present.flow)}`
  throw conflict(run, what)
}

function conflict(run: string, what: string): QubusError {
  return new QubusError(
    'REQUEST_CONFLICT',
    `the run id ${run} was used before ${what}: choose another one, or none`,
    { facts: { run } },
  )
}
