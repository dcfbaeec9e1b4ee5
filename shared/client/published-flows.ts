/** The flows that can be asked for by their names: the catalogue, read and changed. */
import { readAll, readLast } from '../bus/direct.ts'
import { EXPECT_SEQUENCE, headerLine, wireHeaders } from '../bus/headers.ts'
import { muxOf } from '../bus/mux.ts'
import { verdictOf } from '../bus/verdict.ts'
import { QubusError } from '../contract/errors.ts'
import { BUILTIN_BUNDLE, BUILTIN_FLOWS } from '../contract/flow-request.ts'
import { PublishedFlow, publishedKey, versionOf } from '../contract/published-flow.ts'
import { STREAM } from '../contract/streams.ts'
import { filter, subject } from '../contract/subjects.ts'
import { decode, encode } from '../wire/message.ts'
import { purgeSubject } from './purge.ts'
import type { Session } from './session.ts'

export type FlowView = PublishedFlow & { version: string }

/** What publishing came to. `was`: what stood under the name before. */
export type Publication = {
  flow: string
  version: string
  change: 'new' | 'changed' | 'unchanged'
  was?: { version: string; by: string; at: number }
}

const TIMEOUT_MS = 5_000
const TRIES = 10

/** @throws QubusError `INVALID_NAME` for a built-in flow's name. */
export function assertNotBuiltin(flow: string): void {
  if (!BUILTIN_FLOWS.includes(flow)) return
  throw new QubusError(
    'INVALID_NAME',
    `a flow named ${JSON.stringify(flow)} is built in: publish yours under another name`,
  )
}

/** By name. */
export async function listPublished({ bus }: Session): Promise<FlowView[]> {
  const flows: FlowView[] = []
  for await (const page of readAll(bus.nc, STREAM.catalog, filter.published))
    for (const { data } of page) flows.push(viewOf(decode(PublishedFlow, data)))
  return flows.sort((a, b) => a.flow.localeCompare(b.flow, 'en', { numeric: true }))
}

/** The catalogue's entry of a name. */
export async function findPublishedFlow({ bus }: Session, flow: string): Promise<FlowView | undefined> {
  const stored = await readLast(bus.nc, STREAM.catalog, subject.published(publishedKey(flow)))
  return stored && viewOf(decode(PublishedFlow, stored.data))
}

/**
 * Makes `entry` what its name stands for. What it replaces is what it was compared with, however many publish at once.
 * @throws QubusError `STREAM_FULL`, `UNREACHABLE`.
 */
export async function putPublished({ bus }: Session, entry: PublishedFlow): Promise<Publication> {
  const { flow } = entry
  const at = subject.published(publishedKey(flow))
  for (let tries = 0; tries < TRIES; tries++) {
    const stored = await readLast(bus.nc, STREAM.catalog, at)
    const before = stored && viewOf(decode(PublishedFlow, stored.data))
    const was = before && { was: { version: before.version, by: before.by, at: before.at } }
    const version = versionOf(entry)
    if (before !== undefined && sameFlow(before, entry)) return { flow, version, change: 'unchanged', ...was }
    const expected = wireHeaders(headerLine(EXPECT_SEQUENCE, String(stored?.sequence ?? 0)))
    const reply = await muxOf(bus.nc).request(at, encode(entry), expected, TIMEOUT_MS)
    const verdict = reply === undefined ? 'unknown' : verdictOf(reply)
    if (verdict === 'stored')
      return { flow, version, change: before === undefined ? 'new' : 'changed', ...was }
    if (verdict === 'full')
      throw new QubusError(
        'STREAM_FULL',
        `${JSON.stringify(flow)} could not be published: the catalogue is full`,
      )
  }
  throw new QubusError(
    'UNREACHABLE',
    `${JSON.stringify(flow)} could not be published: the broker does not confirm it`,
  )
}

/** Takes the name back: runs of it go on. @returns what it stood for; undefined when it was not published. */
export async function removePublished(session: Session, flow: string): Promise<FlowView | undefined> {
  const found = await findPublishedFlow(session, flow)
  if (found === undefined) return undefined
  await purgeSubject(session, STREAM.catalog, subject.published(publishedKey(flow)))
  return found
}

/**
 * The code that a name alone stands for, to be told before a request is sent: that of a published flow is found when
 * the run begins.
 * @throws QubusError `UNKNOWN_FLOW` listing what there is.
 */
export async function assertKnownFlow(session: Session, flow: string): Promise<void> {
  if (BUILTIN_FLOWS.includes(flow) || (await findPublishedFlow(session, flow)) !== undefined) return
  const there = (await listPublished(session)).map((each) => each.flow)
  throw new QubusError(
    'UNKNOWN_FLOW',
    `no flow ${JSON.stringify(flow)} is published; published: ${there.slice(0, 50).join(', ') || 'none'}; built in: ${BUILTIN_FLOWS.join(', ')}; write the path of a flow file, such as ./${flow}.ts, or publish it first (qubus publish FILE)`,
    { facts: { flow } },
  )
}

/** The bundle that a request names for a flow without a file: none for a published one. */
export function bundleOfName(flow: string): typeof BUILTIN_BUNDLE | undefined {
  return BUILTIN_FLOWS.includes(flow) ? BUILTIN_BUNDLE : undefined
}

function viewOf(entry: PublishedFlow): FlowView {
  return { ...entry, version: versionOf(entry) }
}

// Who published it, and when, is not what it is.
function sameFlow(a: PublishedFlow, b: PublishedFlow): boolean {
  const what = ({ bundle, sourceRoot, file, input }: PublishedFlow) =>
    JSON.stringify([bundle, sourceRoot, file, input])
  return what(a) === what(b)
}
