/** How far each part of a stream is stored. Read and moved only in the transaction that writes the rows. */
import type { ClientBase } from 'pg'
import { QubusError } from '#shared/contract/errors.ts'

export type Positions = Map<string, number>

/** What the broker says of a stream. */
export type StreamFacts = { created: string; lastSequence: number }

/**
 * The positions of `units`, made where they are missing. Where the stream is another one than was read so far they
 * begin at 0, where it lost its end (came back from a backup) they go back to what is left: what is stored already is
 * recognised by its key.
 */
export async function readPositions(
  client: ClientBase,
  units: string[],
  stream: StreamFacts,
): Promise<Positions> {
  await client.query('insert into positions (unit) select unnest($1::text[]) on conflict do nothing', [units])
  await client.query(
    `update positions set stream_created = $2,
       position = case when stream_created is distinct from $2 then 0 else least(position, $3) end
     where unit = any($1) and (stream_created is distinct from $2 or position > $3)`,
    [units, stream.created, stream.lastSequence],
  )
  const { rows } = await client.query<{ unit: string; position: string }>(
    'select unit, position from positions where unit = any($1)',
    [units],
  )
  return new Map(rows.map((row) => [row.unit, Number(row.position)]))
}

export type Counts = { runs: number; steps: number }

/**
 * Moves all of `positions` to `sequence`, or none.
 * @throws QubusError `INTERNAL` when one is not where this actor believes it to be: somebody else stores it by now.
 */
export async function movePositions(
  client: ClientBase,
  positions: Positions,
  sequence: number,
  counts: Counts,
): Promise<void> {
  const moving = [...positions].filter(([, position]) => position < sequence)
  if (moving.length === 0) return
  const { rowCount } = await client.query({
    name: 'move-positions',
    text: MOVE,
    values: [
      moving.map(([unit]) => unit),
      moving.map(([, position]) => position),
      sequence,
      counts.runs,
      counts.steps,
    ],
  })
  if (rowCount !== moving.length) {
    throw new QubusError('INTERNAL', 'somebody else stores this part of the stream', {
      facts: { moving: moving.length, moved: rowCount },
    })
  }
}

// The counts are only ever added up over all parts, so one row takes those of the batch.
const MOVE = `
  update positions set position = $3,
    runs = runs + case when positions.unit = ($1::text[])[1] then $4::bigint else 0 end,
    steps = steps + case when positions.unit = ($1::text[])[1] then $5::bigint else 0 end
  from unnest($1::text[], $2::bigint[]) as believed (unit, position)
  where positions.unit = believed.unit and positions.position = believed.position`
