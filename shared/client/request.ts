/** Asking for a run: the bundle's blob first, then the request itself, create-if-absent. */
import { readLast } from '../bus/direct.ts'
import { CONTENT_TYPE, cloudHeaders, headerLine } from '../bus/headers.ts'
import { Publisher } from '../bus/publisher.ts'
import { QubusError } from '../contract/errors.ts'
import { eventType } from '../contract/event.ts'
import { BUILTIN_BUNDLE, FlowRequest } from '../contract/flow-request.ts'
import { assertToken, newRunId } from '../contract/ids.ts'
import { RequestedRecord } from '../contract/run-record.ts'
import { STREAM } from '../contract/streams.ts'
import { record, subject } from '../contract/subjects.ts'
import { decode, encode } from '../wire/message.ts'
import { encodeValue } from '../wire/value.ts'
import { unpackRequest } from './run-state.ts'
import { sameWork } from './same-work.ts'
import type { Session } from './session.ts'

export type RunRequest = {
  /** Name of the flow in the bundle. */
  flow: string
  /** The flow's code: what `bundleFlowFile` gives, or the SHA-256 of a bundle that is stored already. Without it: a built-in flow. */
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
}

/**
 * Asks for a run and returns its id once the broker has the request on disk.
 * @throws QubusError `INVALID_NAME`, `INVALID_REQUEST`, `UNENCODABLE` before anything is sent; `REQUEST_CONFLICT` when
 * the run id stands for other work; `STREAM_FULL`; `UNREACHABLE`.
 */
export async function sendRequest(session: Session, wanted: RunRequest): Promise<string> {
  const run = assertToken('the run id', wanted.run ?? newRunId())
  const request = await toRequest(session, wanted)
  // A request that was taken up is gone from its stream: what the log says comes first.
  if (wanted.run !== undefined && (await known(session, run, request))) return run
  if ((await publish(session, run, encode(request))) === 'stored') return run
  if (await known(session, run, request)) return run
  throw new QubusError(
    'UNREACHABLE',
    `the request for run ${run} was refused, and the run can't be found: try again`,
  )
}

async function toRequest(session: Session, wanted: RunRequest): Promise<FlowRequest> {
  const params = encodeValue(wanted.params, `the parameters of flow ${JSON.stringify(wanted.flow)}`)
  const { bundle = BUILTIN_BUNDLE } = wanted
  const sourceRoot = wanted.sourceRoot ?? (typeof bundle === 'string' ? undefined : bundle.sourceRoot)
  const draft = {
    flow: wanted.flow,
    bundle: typeof bundle === 'string' ? bundle : bundle.hash,
    ...(sourceRoot === undefined ? {} : { sourceRoot }),
    requestedAt: Date.now(),
    user: session.user,
    ...(wanted.project === undefined ? {} : { project: wanted.project }),
    ...(wanted.priority === undefined ? {} : { priority: wanted.priority }),
    ...(wanted.tags === undefined ? {} : { tags: wanted.tags }),
    ...(wanted.pool === undefined ? {} : { pool: wanted.pool }),
  }
  const checked = FlowRequest.safeParse(draft)
  if (!checked.success) {
    const issue = checked.error.issues[0]
    throw new QubusError('INVALID_REQUEST', `the request's ${issue?.path.join('.')}: ${issue?.message}`)
  }
  if (typeof bundle !== 'string') await session.blobs.put(bundle.bytes)
  return { ...checked.data, payload: await session.blobs.toPayload(params) }
}

/** A broker that is away this long will not come back while somebody waits at a prompt. */
const PATIENCE_MS = 20_000

async function publish({ bus, user }: Session, run: string, body: Uint8Array): Promise<'stored' | 'present'> {
  const publisher = new Publisher(bus.nc, { stream: STREAM.flows, atomic: false, whenFull: 'throw' })
  const patience = setTimeout(() => publisher.close(), PATIENCE_MS)
  try {
    return await publisher.create({
      subject: subject.request(run),
      storedAs: subject.flow(run),
      body,
      headers: queuedHeaders(run, user),
    })
  } finally {
    clearTimeout(patience)
    publisher.close()
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
  const [taken, waiting] = await Promise.all([
    readLast(session.bus.nc, STREAM.runs, record(run).requested),
    readLast(session.bus.nc, STREAM.flows, subject.flow(run)),
  ])
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
  throw new QubusError(
    'REQUEST_CONFLICT',
    `the run id ${run} was used before ${what}: choose another one, or none`,
    { facts: { run } },
  )
}
