/** A backup of a running system. Why in this order: README.md. */
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { NatsConnection } from '@nats-io/transport-node'
import type { Client } from 'pg'
import { QubusError } from '#shared/contract/errors.ts'
import { BLOB_BUCKET, STREAM } from '#shared/contract/streams.ts'
import { VERSION } from '#shared/version.ts'
import { makePrivateFolder } from '../process/private-file.ts'
import { FORMAT, type Manifest, type StreamPart, writeManifest } from './manifest.ts'
import { type Cut, cutStream, failed, type StreamState, streamState } from './stream-snapshot.ts'
import { appliedMigrations, connectDatabase, dumpTables, freeze } from './tables.ts'

export type BackupOptions = {
  /** As the broker's `admin`. */
  nc: NatsConnection
  databaseUrl: string
  /** Made, or empty. */
  folder: string
  /** Told of each part as it begins. */
  said(part: string): void
}

/** What a command came to is in `RUNS` before its consumer is told: so their positions are taken first. */
const COMMANDS = [STREAM.tasks, STREAM.permits, STREAM.submissions, STREAM.circuits, STREAM.allocations]
/** What `RUNS` refers to was stored before it did. */
const AFTER = [STREAM.logs, STREAM.events, STREAM.dead, STREAM.cache, `OBJ_${BLOB_BUCKET}`]
/** So often a cut is tried anew because something changed in its midst. */
const TRIES = 200

/** @throws QubusError `INVALID_OPTION` when `folder` is not empty, `BACKUP_FAILED`, `UNREACHABLE`. */
export async function backUp({ nc, databaseUrl, folder, said }: BackupOptions): Promise<Manifest> {
  await makeEmpty(folder)
  const at = Date.now()
  await using frozen = await connectDatabase(databaseUrl)
  await freeze(frozen)
  const migrations = await appliedMigrations(frozen)
  const tables = await dumpTables(frozen, folder, said)
  const streams: StreamPart[] = []
  const take = async (stream: string, cut: Cut): Promise<void> => {
    said(stream)
    streams.push(await cut.save(folder, fileOf(stream)))
  }
  for (const stream of COMMANDS) await take(stream, await cutStream(nc, stream, true))
  for (const stream of [STREAM.catalog, STREAM.schedules]) {
    said(stream)
    streams.push(await saveSettled(nc, folder, stream))
  }
  const { last_seq: runsBefore } = await streamState(nc, STREAM.runs)
  await take(STREAM.flows, await cutStream(nc, STREAM.flows, true))
  said(STREAM.signals)
  const { signals, runs } = await cutTogether(nc, folder)
  streams.push(signals)
  await take(STREAM.runs, runs)
  await refuseLostRows(frozen, databaseUrl)
  await frozen.query('commit')
  for (const stream of AFTER) await take(stream, await cutStream(nc, stream, false))
  const manifest = { format: FORMAT, version: VERSION, at, migrations, tables, streams, runsBefore }
  await writeManifest(folder, manifest)
  return manifest
}

async function makeEmpty(folder: string): Promise<void> {
  await makePrivateFolder(folder)
  if ((await readdir(folder)).length > 0)
    throw new QubusError('INVALID_OPTION', `${folder} is not empty: name a folder that is, or a new one`)
  for (const part of ['tables', 'streams']) await mkdir(join(folder, part), { mode: 0o700 })
}

function fileOf(stream: string): string {
  return join('streams', `${stream}.snapshot`)
}

/**
 * A stream whose last words replace those before: taken again until nothing changed from its moment to the end of
 * `meanwhile`.
 */
async function saveSettled(
  nc: NatsConnection,
  folder: string,
  stream: string,
  meanwhile: () => Promise<void> = async () => {},
): Promise<StreamPart> {
  for (let tries = 0; tries < TRIES; tries++) {
    const cut = await cutStream(nc, stream, stream === STREAM.schedules)
    const part = await cut.save(folder, fileOf(stream))
    await meanwhile()
    if (same(cut.state, await streamState(nc, stream))) return part
    await rm(join(folder, part.file))
  }
  throw failed(`${stream} changed each time while it was copied: try when less is going on`)
}

/** `SIGNALS` and `RUNS` of one moment: no signal changed between the two. */
async function cutTogether(nc: NatsConnection, folder: string): Promise<{ signals: StreamPart; runs: Cut }> {
  let runs: Cut | undefined
  try {
    const signals = await saveSettled(nc, folder, STREAM.signals, async () => {
      runs?.abandon()
      runs = await cutStream(nc, STREAM.runs, false)
    })
    return { signals, runs: runs as Cut }
  } catch (error) {
    runs?.abandon()
    throw error
  }
}

function same(before: StreamState, after: StreamState): boolean {
  return before.last_seq === after.last_seq && before.messages === after.messages
}

// Between the moment of the tables and that of RUNS a run may have been stored and taken off the broker. That takes a
// day in which results stood still, or an impatient retention; but then it would be in neither.
async function refuseLostRows(frozen: Client, databaseUrl: string): Promise<void> {
  const exists = await frozen.query(`select to_regclass('runs') is not null as there`)
  if (!exists.rows[0]?.there) return
  const since = await frozen.query<{ xid: string }>(
    'select (pg_snapshot_xmin(pg_current_snapshot())::text::bigint % 4294967296)::text as xid',
  )
  await using now = await connectDatabase(databaseUrl)
  const { rows } = await now.query<{ run: string }>(
    `select run from runs where kept <> 'whole' and age(xmin) <= age($1::text::xid)`,
    [since.rows[0]?.xid],
  )
  const lost = await frozen.query(
    'select 1 from unnest($1::text[]) as purged (run) left join runs using (run) where runs.ended_at is null',
    [rows.map(({ run }) => run)],
  )
  if (lost.rows.length > 0)
    throw failed(`${lost.rows.length} runs were stored and purged while the backup was made: make it again`)
}
