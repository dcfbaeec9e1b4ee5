/** The code that a flow's name stands for. */
import type { NatsConnection } from '@nats-io/transport-node'
import { readLast } from '#shared/bus/direct.ts'
import { BUILTIN_BUNDLE, type FlowRequest } from '#shared/contract/flow-request.ts'
import { PublishedFlow, publishedKey } from '#shared/contract/published-flow.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { subject } from '#shared/contract/subjects.ts'
import { decode } from '#shared/wire/message.ts'

export type FlowCode = { bundle: string; sourceRoot?: string | undefined }

/** What the request names, or else what was published last under the flow's name, or else the built-in flows. */
export type FindCode = (request: FlowRequest) => Promise<FlowCode>

export function findPublished(nc: NatsConnection): FindCode {
  return async ({ flow, bundle, sourceRoot }) => {
    if (bundle !== undefined) return { bundle, sourceRoot }
    const stored = await readLast(nc, STREAM.catalog, subject.published(publishedKey(flow)))
    return stored === undefined ? { bundle: BUILTIN_BUNDLE } : decode(PublishedFlow, stored.data)
  }
}
