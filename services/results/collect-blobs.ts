/**
 * Removes blobs that nothing refers to: no kept row, and nothing that waits on the broker. A blob is stored before its
 * reference, so a young one stays, and one that is found without a reference is looked at again before it goes.
 */
import type { Pool } from 'pg'
import type { Actor } from '#shared/actor/actor.ts'
import { blobSubject } from '#shared/bus/blobs.ts'
import { readAll, readLast, readNext, type Stored } from '#shared/bus/direct.ts'
import { SHARDS } from '#shared/contract/ids.ts'
import { BLOB_BUCKET, STREAM, type StreamName } from '#shared/contract/streams.ts'
import { filter, lastToken } from '#shared/contract/subjects.ts'
import { positionsOf } from './purge.ts'
import { confirmMs, type Retention } from './retention.ts'
import { runsUnit } from './store-runs.ts'
import { deleteMessage, purgeUpTo, subjectsOf } from './stream-api.ts'

const BLOBS = `OBJ_${BLOB_BUCKET}` as const
const META = `$O.${BLOB_BUCKET}.M.>`
const CHUNKS = (nuid: string) => `$O.${BLOB_BUCKET}.C.${nuid}`

/** As many as one round takes away, so that a round ends. */
const BATCH = 1_000

/** A blob as the store's entry of it says. */
type Entry = { name: string; nuid: string; sequence: number }

/** Streams whose every message may refer to blobs, small ones: all but logs, commands and records. */
const SMALL: [StreamName, string][] = [
  [STREAM.flows, filter.flowRequests],
  [STREAM.catalog, filter.published],
  [STREAM.schedules, filter.schedules],
  [STREAM.signals, filter.signals],
  [STREAM.cache, filter.cache],
  [STREAM.dead, filter.dead],
]

export type BlobCollector = {
  /** One round. Returns how many blobs it removed. */
  collect(retention: Retention, now: number): Promise<number>
  /** Removes the pieces of blobs that were never stored whole: whoever stored them was killed. Returns of how many. */
  collectPieces(now: number): Promise<number>
}

export function blobCollector(actor: Actor, pool: Pool): BlobCollector {
  /** Blobs without a reference, by sequence of their entry: one that was stored again has another. */
  let suspects = new Map<number, number>()
  return {
    async collect(retention, now) {
      const old = await oldBlobs(actor, now - retention.blobs)
      // What is not in the tables yet may refer to any of them.
      if (old.length === 0 || (await isBehind(actor, pool, now - confirmMs(retention) / 2))) return 0
      const unreferenced = await withoutReference(actor, pool, old)
      suspects = new Map(unreferenced.map(({ sequence }) => [sequence, suspects.get(sequence) ?? now]))
      const due = unreferenced.filter(
        ({ sequence }) => now - (suspects.get(sequence) ?? now) >= confirmMs(retention),
      )
      let removed = 0
      for (const entry of due.slice(0, BATCH)) if (await remove(actor, entry)) removed++
      return removed
    },
    collectPieces: (now) => collectPieces(actor, now),
  }
}

/** Whoever stores one sends its next pieces, or its entry, within half a minute, or gives it up. */
const UNFINISHED_MS = 300_000

async function collectPieces({ bus }: Actor, now: number): Promise<number> {
  const found: string[] = []
  for await (const page of subjectsOf(bus.nc, BLOBS, CHUNKS('*'))) found.push(...page)
  // The entries after the pieces: what was stored whole meanwhile has one.
  const whole = new Set<string>()
  for await (const page of readAll(bus.nc, BLOBS, META))
    for (const { data } of page) whole.add(CHUNKS(JSON.parse(Buffer.from(data).toString()).nuid))
  let removed = 0
  for (const pieces of found.filter((each) => !whole.has(each)).slice(0, BATCH)) {
    const last = await readLast(bus.nc, BLOBS, pieces)
    if (last === undefined || now - Date.parse(last.time) < UNFINISHED_MS) continue
    await purgeUpTo(bus.nc, BLOBS, pieces)
    removed++
  }
  return removed
}

/** Whether a record that was written before `time` is not stored yet. */
async function isBehind({ bus }: Actor, pool: Pool, time: number): Promise<boolean> {
  const positions = await positionsOf(pool)
  const waiting = await Promise.all(
    Array.from({ length: SHARDS }, (_, shard) =>
      readNext(bus.nc, STREAM.runs, filter.runShard(shard), (positions.get(runsUnit(shard)) ?? 0) + 1),
    ),
  )
  return waiting.some((stored) => stored !== undefined && Date.parse(stored.time) < time)
}

async function oldBlobs({ bus }: Actor, before: number): Promise<Entry[]> {
  const found: Entry[] = []
  for await (const page of readAll(bus.nc, BLOBS, META)) {
    for (const stored of page) {
      // In the order of their times: what comes now is younger.
      if (Date.parse(stored.time) >= before) return found
      const { name, nuid, deleted } = JSON.parse(Buffer.from(stored.data).toString())
      if (!deleted) found.push({ name, nuid, sequence: stored.sequence })
    }
  }
  return found
}

async function withoutReference(actor: Actor, pool: Pool, blobs: Entry[]): Promise<Entry[]> {
  const referenced = new Set<string>()
  // The broker first: what leaves it meanwhile is in the tables by then.
  for (const [stream, of] of SMALL)
    for await (const page of readAll(actor.bus.nc, stream, of)) noteAll(referenced, page)
  for await (const page of readAll(actor.bus.nc, STREAM.flows, filter.flowRequests))
    for (const { subject } of page) await noteCommands(actor, referenced, lastToken(subject))
  const names = blobs.map(({ name }) => name).filter((name) => !referenced.has(name))
  const free = new Set<string>()
  for (let at = 0; at < names.length; at += BATCH) {
    const { rows } = await pool.query<{ name: string }>(UNREFERENCED, [names.slice(at, at + BATCH)])
    for (const { name } of rows) free.add(name)
  }
  return blobs.filter(({ name }) => free.has(name))
}

/** The arguments of what a run in progress has commanded are in its commands alone. */
async function noteCommands({ bus }: Actor, referenced: Set<string>, run: string): Promise<void> {
  for (const [stream, of] of [
    [STREAM.tasks, filter.runTasks(run)],
    [STREAM.permits, filter.runPermits(run)],
    [STREAM.submissions, filter.runSubmissions(run)],
    [STREAM.circuits, filter.runCircuits(run)],
    [STREAM.allocations, filter.runAllocations(run)],
  ] as const)
    for await (const page of readAll(bus.nc, stream, of)) noteAll(referenced, page)
}

function noteAll(referenced: Set<string>, page: Stored[]): void {
  for (const { data } of page) for (const hash of hashesIn(data)) referenced.add(hash)
}

/** Whatever looks like a blob's name, wherever it stands: too many are kept rather than one too few. */
export function hashesIn(data: Uint8Array): string[] {
  return (
    Buffer.from(data.buffer, data.byteOffset, data.length)
      .toString('latin1')
      .match(/[0-9a-f]{64}/g) ?? []
  )
}

// Code and parameters serve whoever goes on from a run, its steps' values whoever replays it; results are history.
const UNREFERENCED = `
  select b.blob as name from unnest($1::text[]) as b (blob)
  where not exists (select from runs r where r.params_blob = b.blob and r.kept <> 'nothing')
    and not exists (select from runs r where r.bundle = b.blob and r.kept <> 'nothing')
    and not exists (select from runs r where r.result_blob = b.blob)
    and not exists (select from artifacts a where a.value_blob = b.blob)
    and not exists (
      select from steps s join runs r using (run) where s.result_blob = b.blob and r.kept in ('whole', 'purging'))`

/** The entry first, and only as it was read: a blob that is stored again meanwhile has another, and other chunks. */
async function remove({ bus }: Actor, { name, nuid, sequence }: Entry): Promise<boolean> {
  const last = await readLast(bus.nc, BLOBS, blobSubject(name))
  if (last?.sequence !== sequence || !(await deleteMessage(bus.nc, BLOBS, sequence))) return false
  await purgeUpTo(bus.nc, BLOBS, CHUNKS(nuid))
  return true
}
