/** How a run ended, as the broker knows it: at once, while Postgres still takes it in, and of what never became a run. */
import type { NatsConnection } from '@nats-io/transport-node'
import { readLast, readLastOf } from '#shared/bus/direct.ts'
import { DeadLetter } from '#shared/contract/dead-letter.ts'
import { assertToken } from '#shared/contract/ids.ts'
import type { Answer } from '#shared/contract/query.ts'
import { CompletedRecord, RequestedRecord } from '#shared/contract/run-record.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { filter, record, subject } from '#shared/contract/subjects.ts'
import { decode } from '#shared/wire/message.ts'

/** Null while it waits or runs, and when nobody knows it. */
export async function findEnd(nc: NatsConnection, run: string): Promise<Answer<'outcome'>['outcome']> {
  const log = record(assertToken('the run id', run))
  const found = await readLastOf(nc, STREAM.runs, [log.requested, log.completed])
  const requested = found.find((each) => each.subject === log.requested)
  const ended = found.find((each) => each.subject === log.completed)
  if (ended !== undefined) {
    const { state, result, error, steps, startedAt, endedAt } = decode(CompletedRecord, ended.data)
    const flow = requested === undefined ? '' : decode(RequestedRecord, requested.data).flow
    return { flow, state, result, error, steps, startedAt, endedAt }
  }
  // With a run of that id there, a letter is about another request for it.
  return requested === undefined ? findRefusal(nc, run) : null
}

async function findRefusal(nc: NatsConnection, run: string): Promise<Answer<'outcome'>['outcome']> {
  const letter = await readLast(nc, STREAM.dead, `${subject.dead(STREAM.flows, filter.flowAnyShard(run))}.*`)
  if (letter === undefined) return null
  const { error, at } = decode(DeadLetter, letter.data)
  return { flow: '', state: 'failed', error, steps: 0, startedAt: at, endedAt: at }
}
