/** Requests that are in the broker's hands: queued, or held by a coordinator that has not written a word yet. */
import { readLastOf } from '../bus/direct.ts'
import { FlowRequest } from '../contract/flow-request.ts'
import type { RunSummary } from '../contract/query.ts'
import { STREAM } from '../contract/streams.ts'
import { filter, lastToken, record } from '../contract/subjects.ts'
import { unpackRequest } from './run-state.ts'
import type { Session } from './session.ts'

export async function listQueued({ bus }: Session): Promise<RunSummary[]> {
  // More than the broker lists at once: then the list would be of no use anyway.
  const waiting = await readLastOf(bus.nc, STREAM.flows, [filter.flowAnyShard('*')]).catch(() => [])
  const runs = waiting.map((stored) => lastToken(stored.subject))
  const taken = await readLastOf(
    bus.nc,
    STREAM.runs,
    runs.map((run) => record(run).requested),
  )
  const begun = new Set(taken.map((stored) => stored.subject))
  return waiting.flatMap((stored): RunSummary[] => {
    const run = lastToken(stored.subject)
    const request = FlowRequest.safeParse(unpackRequest(stored.data)).data
    if (request === undefined || begun.has(record(run).requested)) return []
    const { flow, project, user, tags, parent, resumes, schedule, requestedAt } = request
    return [
      {
        run,
        flow,
        name: flow,
        state: 'queued',
        project,
        user,
        tags,
        parent: parent?.run,
        resumes,
        schedule: schedule?.name,
        steps: 0,
        requestedAt: requestedAt ?? Date.parse(stored.time),
      },
    ]
  })
}
