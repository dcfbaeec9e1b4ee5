/** From a flow file, or the name of a published or built-in flow, to the result. */

import { waitForResult } from './outcome.ts'
import { prepareFlow } from './prepare-flow.ts'
import { assertKnownFlow } from './published-flows.ts'
import type { RunRequest } from './request.ts'
import { sendRequest } from './request.ts'
import type { Session } from './session.ts'

export type RunOptions = Pick<
  RunRequest,
  'run' | 'project' | 'priority' | 'tags' | 'pool' | 'timeoutSeconds' | 'user'
> & {
  signal?: AbortSignal
}

export async function runFlow(
  session: Session,
  flow: string,
  params?: unknown,
  options: RunOptions = {},
): Promise<unknown> {
  const { signal, ...rest } = options
  const prepared = await prepareFlow(flow, params)
  if (prepared.bundle === undefined) await assertKnownFlow(session, prepared.flow)
  const run = await sendRequest(session, { ...rest, ...prepared })
  return waitForResult(session, run, signal === undefined ? {} : { signal })
}
