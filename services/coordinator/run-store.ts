/** The logs of all runs: what a coordinator reads from and writes to `RUNS`. */
import type { NatsConnection } from '@nats-io/transport-node'
import { readAll, readLast, readLastOf, type Stored } from '#shared/bus/direct.ts'
import type { Creation, Draft, Publisher } from '#shared/bus/publisher.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { record } from '#shared/contract/subjects.ts'

export type RunStore = {
  /** Writes a record unless there is one; resolves when it is on disk, whoever wrote it. */
  create(draft: Draft): Promise<Creation>
  /** The last record on each of these subjects (wildcards allowed). */
  last(...subjects: string[]): Promise<Stored[]>
  /** The log of a run from its beginning, in pieces of bounded size. */
  read(run: string): AsyncIterable<Stored[]>
}

export function runStore(nc: NatsConnection, publisher: Publisher): RunStore {
  return {
    create: (draft) => publisher.create(draft),
    async last(...subjects) {
      if (subjects.length > 1) return readLastOf(nc, STREAM.runs, subjects)
      const found = await readLast(nc, STREAM.runs, subjects[0] ?? '')
      return found === undefined ? [] : [found]
    },
    read: (run) => readAll(nc, STREAM.runs, record(run).all),
  }
}
