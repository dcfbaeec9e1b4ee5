/** `RUNS` into runs, steps, attempts, circuits and artifacts. */
import type { Actor } from '#shared/actor/actor.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { SHARDS } from '#shared/contract/ids.ts'
import type { Payload } from '#shared/contract/payload.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { filter } from '#shared/contract/subjects.ts'
import { type Intake, startIntake, type Unit } from './intake.ts'
import { addRecord } from './run-rows.ts'
import { noRunRows } from './run-shapes.ts'
import type { Prepare } from './store-batch.ts'
import { writeRuns } from './write-runs.ts'

const NAMES = Array.from({ length: SHARDS }, (_, shard) => `${STREAM.runs}.${shard}`)
const UNITS: Unit[] = NAMES.map((name, shard) => ({ name, filter: filter.runShard(shard) }))

/** The part of `RUNS` that a shard is. */
export function runsUnit(shard: number): string {
  return NAMES[shard] ?? ''
}

/** The shard that a part of `RUNS` is; -1 for another part. */
export function shardOfUnit(unit: string): number {
  return NAMES.indexOf(unit)
}

export function storeRuns(actor: Actor, databaseUrl: string): Intake {
  return startIntake(actor, databaseUrl, {
    stream: STREAM.runs,
    units: UNITS,
    firstLock: 0,
    unitOf: ({ subject }) => Number(subject.split('.', 4)[3]),
    filter: filter.runs,
    prepare: prepareRuns(actor),
  })
}

/** A blob is stored before the record that refers to it: after so many tries it is not late, it is lost. */
const TRIES = 10

function prepareRuns(actor: Actor): Prepare {
  const misses = new Map<number, number>()
  return async (batch, reject) => {
    const rows = noRunRows()
    const later: Promise<void>[] = []
    for (const delivery of batch) {
      const failed = (error: unknown): void => {
        if (!isMissing(error)) return reject(delivery, error)
        const missed = (misses.get(delivery.sequence) ?? 0) + 1
        misses.set(delivery.sequence, missed)
        if (missed < TRIES) throw error
        misses.delete(delivery.sequence)
        reject(delivery, error)
      }
      try {
        const added = addRecord(rows, delivery, (payload) => readPayload(actor, payload))
        if (added !== undefined) later.push(added.catch(failed))
      } catch (error) {
        failed(error)
      }
    }
    await Promise.all(later)
    return (client) => writeRuns(client, rows)
  }
}

// Whatever keeps us from reading may pass, unless the blob itself is bad.
function readPayload({ blobs }: Actor, payload: Payload): Uint8Array | Promise<Uint8Array> {
  const bytes = blobs.fromPayload(payload)
  if (!(bytes instanceof Promise)) return bytes
  return bytes.catch((cause: unknown) => {
    if (cause instanceof QubusError && cause.code === 'BLOB_CORRUPT') throw cause
    throw new QubusError('BLOB_MISSING', "a circuit's result can't be read", { cause })
  })
}

function isMissing(error: unknown): boolean {
  return error instanceof QubusError && error.code === 'BLOB_MISSING'
}
