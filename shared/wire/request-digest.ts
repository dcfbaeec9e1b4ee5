/**
 * The digest by which a second request for a run id is told apart: the same flow, code and parameters, or a conflict.
 * A flow that is asked for by its name alone is the same whatever was published under it meanwhile.
 */
import { hash } from 'node:crypto'
import type { Payload } from '../contract/payload.ts'

export function requestDigest(flow: string, bundle: string | undefined, payload: Payload): string {
  const params = 'inline' in payload ? hash('sha256', payload.inline) : payload.blob
  return hash('sha256', `${flow}\n${bundle ?? ''}\n${params}`)
}
