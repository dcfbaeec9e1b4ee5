/** The end of a run: written once, whoever comes first; and told to those who watch. */
import { cloudHeaders } from '#shared/bus/headers.ts'
import { CompletedRecord, type RequestedRecord } from '#shared/contract/run-record.ts'
import { record } from '#shared/contract/subjects.ts'
import { decode, encode } from '#shared/wire/message.ts'
import type { CoordinatorContext } from './context.ts'
import type { FlowEnd } from './thread/protocol.ts'

/** Resolves with the end that is on disk: this one, or somebody else's. */
export async function writeEnd(
  { id, clock, blobs, store }: CoordinatorContext,
  run: string,
  requested: RequestedRecord,
  end: FlowEnd,
  attempts: number,
): Promise<CompletedRecord> {
  const completed: CompletedRecord = {
    state: end.state,
    ...(end.result === undefined ? {} : { result: await blobs.toPayload(end.result) }),
    ...(end.error === undefined ? {} : { error: end.error }),
    steps: end.steps,
    ...(attempts > 1 ? { attempts } : {}),
    startedAt: requested.acceptedAt,
    endedAt: clock.now(),
    writer: id,
  }
  const headers = cloudHeaders({
    type: `qubus.run.${end.state}`,
    id: run,
    source: `/qubus/coordinator/${id}`,
    time: completed.endedAt,
  })
  const subject = record(run).completed
  const creation = await store.create({ subject, body: encode(completed), headers })
  if (creation === 'stored') return completed
  const [first] = await store.last(subject)
  return first === undefined ? completed : decode(CompletedRecord, first.data)
}

/** What the event about the end says. */
export function endFacts(
  { flow, name }: RequestedRecord,
  completed: CompletedRecord,
): Record<string, unknown> {
  const { steps, startedAt, endedAt, error } = completed
  return {
    flow,
    name,
    steps,
    seconds: (endedAt - startedAt) / 1000,
    ...(error === undefined ? {} : { error: { code: error.code, message: error.message } }),
  }
}
