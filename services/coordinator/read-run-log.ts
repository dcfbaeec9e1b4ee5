/** The log of a run as it stands now. */
import type { NatsConnection } from '@nats-io/transport-node'
import { readAll } from '#shared/bus/direct.ts'
import type { CompletedRecord } from '#shared/contract/run-record.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { record } from '#shared/contract/subjects.ts'
import { fromStored, type LogRecord } from './log-record.ts'

export type RunLog = { entries: LogRecord[]; completed: CompletedRecord | undefined }

export async function readRunLog(nc: NatsConnection, run: string): Promise<RunLog> {
  const log: RunLog = { entries: [], completed: undefined }
  for await (const page of readAll(nc, STREAM.runs, record(run).all)) {
    for (const stored of page) {
      const entry = fromStored(stored)
      if (entry === undefined) continue
      if (entry.kind === 'completed') log.completed = entry.body
      log.entries.push(entry)
    }
  }
  return log
}
