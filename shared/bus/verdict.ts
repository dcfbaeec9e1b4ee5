/** What the broker's answer to a publish means. */
import type { Msg } from '@nats-io/transport-node'

export type Verdict = 'stored' | 'exists' | 'full' | 'unknown'

const EXISTS = new Set([10071, 10164])
const FULL = new Set([10077, 10047])
const ONE_A_SUBJECT = 'maximum messages per subject exceeded'

export function verdictOf(reply: Msg): Verdict {
  const { error } = JSON.parse(reply.string()) as { error?: { err_code?: number; description?: string } }
  const code = error?.err_code
  if (error === undefined) return 'stored'
  // A stream that keeps the first message of a subject says it under the code of a full one.
  if (code !== undefined && (EXISTS.has(code) || error.description === ONE_A_SUBJECT)) return 'exists'
  if (code !== undefined && FULL.has(code)) return 'full'
  return 'unknown'
}
