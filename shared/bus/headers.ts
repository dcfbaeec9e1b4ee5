/** Headers of what we publish: create-if-absent, CloudEvents, content type. */
import { headers, type MsgHdrs } from '@nats-io/transport-node'
import { CE } from '../contract/event.ts'

export const EXPECT_ABSENT = 'Nats-Expected-Last-Subject-Sequence'
export const CONTENT_TYPE = 'Content-Type'

export type CloudAttributes = { type: string; id: string; source: string; time: number; step?: string }

/** CloudEvents 1.0 attributes in NATS' binary form. `time` is in Unix milliseconds. */
export function cloudHeaders(event: CloudAttributes): MsgHdrs {
  const result = headers()
  result.set(CE.specversion, '1.0')
  result.set(CE.type, event.type)
  result.set(CE.id, event.id)
  result.set(CE.source, event.source)
  result.set(CE.time, new Date(event.time).toISOString())
  // A header's value is one line of latin text; a step may be called anything.
  if (event.step !== undefined) result.set(CE.step, encodeURI(event.step))
  return result
}
