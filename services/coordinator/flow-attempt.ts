/** What follows when a flow has failed: another attempt, or the end. Pure. */

import { isRetryable } from '#shared/contract/errors.ts'
import type { FlowRetry } from '#shared/contract/run-record.ts'
import type { FlowEnd } from './thread/protocol.ts'

/** An attempt of the flow as a whole: its number, and the steps before its own. */
export type FlowAttempt = { attempt: number; base: number; previousBase: number }

export const FIRST_ATTEMPT: FlowAttempt = { attempt: 1, base: 0, previousBase: 0 }

/** Its author's code failed, or a step that it did not catch: another try may come to something else. */
const WORTH_ANOTHER = new Set(['FLOW_FAILED', 'UNHANDLED_REJECTION', 'LOST'])

/** When the next attempt is due, in Unix milliseconds; undefined when there is none. */
export function nextAttemptAt(
  end: FlowEnd,
  attempt: number,
  retry: FlowRetry | undefined,
  now: number,
): number | undefined {
  if (end.state !== 'failed' || retry === undefined || attempt > retry.retries) return undefined
  const code = end.error?.code ?? 'FLOW_FAILED'
  if (!WORTH_ANOTHER.has(code) && !isRetryable(code)) return undefined
  return now + retry.delaySeconds * 1000
}
