/** Whether two requests ask for the same: flow, code and parameters. Who asked, when and how urgently does not count. */
import type { FlowRequest } from '../contract/flow-request.ts'
import { requestDigest } from '../wire/request-digest.ts'
import { encodeValue } from '../wire/value.ts'

type Work = Pick<FlowRequest, 'flow' | 'bundle' | 'payload' | 'params'> & { digest?: string }

export function sameWork(a: Work, b: Work): boolean {
  return digestOf(a) === digestOf(b)
}

/** A request that a script sent as JSON has its parameters in plain form. */
export function digestOf({ flow, bundle, payload, params, digest }: Work): string {
  return digest ?? requestDigest(flow, bundle, payload ?? { inline: encodeValue(params, 'the parameters') })
}
