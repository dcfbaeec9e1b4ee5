/** A backup into servers that hold nothing yet. */
import type { NatsConnection } from '@nats-io/transport-node'
import { readAll, readLast } from '#shared/bus/direct.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { filter, parseRecordSubject, record } from '#shared/contract/subjects.ts'
import type { Manifest } from './manifest.ts'
import { hasStreams, restoreStream } from './stream-snapshot.ts'
import { connectDatabase, isEmptyDatabase, restoreTables } from './tables.ts'

export type RestoreOptions = {
  /** As the broker's `admin`. */
  nc: NatsConnection
  databaseUrl: string
  folder: string
  manifest: Manifest
  said(part: string): void
}

/** @throws QubusError `NOT_EMPTY`, `BACKUP_INVALID`, `UNREACHABLE`. */
export async function restoreInto({
  nc,
  databaseUrl,
  folder,
  manifest,
  said,
}: RestoreOptions): Promise<void> {
  await using database = await connectDatabase(databaseUrl)
  if (await hasStreams(nc)) throw notEmpty('the broker has streams already')
  if (!(await isEmptyDatabase(database))) throw notEmpty('the database has tables already')
  await restoreTables(database, folder, manifest, said)
  for (const part of manifest.streams) {
    said(part.stream)
    const created = await restoreStream(nc, folder, part)
    // It is the same stream: what is stored of it need not be read again.
    if (manifest.migrations.length > 0)
      await database.query(
        `update positions set stream_created = $3
         where (unit = $1 or starts_with(unit, $1 || '.')) and stream_created = $2`,
        [part.stream, part.created, created],
      )
  }
  await forgetLater(nc, manifest.runsBefore)
}

/**
 * A run that was asked for between the moments of `FLOWS` and `RUNS` has a log and nobody who will go on with it: it is
 * as if it had not been asked for yet. Its parent, if it has one, asks again.
 */
async function forgetLater(nc: NatsConnection, runsBefore: number): Promise<void> {
  for await (const page of readAll(
    nc,
    STREAM.runs,
    record('*').requested.replace(/\.run\.\d+\./, '.run.*.'),
    runsBefore + 1,
  )) {
    for (const { subject } of page) {
      const run = parseRecordSubject(subject)?.run
      if (run === undefined) continue
      const asked = await readLast(nc, STREAM.flows, filter.flowAnyShard(run))
      const ended = await readLast(nc, STREAM.runs, record(run).completed)
      if (asked !== undefined || ended !== undefined) continue
      const reply = await nc.request(
        `$JS.API.STREAM.PURGE.${STREAM.runs}`,
        JSON.stringify({ filter: record(run).all }),
        { timeout: 30_000 },
      )
      const { error } = reply.json<{ error?: { description: string } }>()
      if (error) throw new QubusError('UNREACHABLE', `RUNS could not be purged: ${error.description}`)
    }
  }
}

export function notEmpty(what: string): QubusError {
  return new QubusError(
    'NOT_EMPTY',
    `${what}: a backup is restored into an empty system; set QUBUS_HOME to a new folder`,
  )
}
