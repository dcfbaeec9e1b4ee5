/** One batch and the new position, in one transaction; what can't be stored is given up, and the rest stored. */
import type { ClientBase } from 'pg'
import type { Actor } from '#shared/actor/actor.ts'
import type { Delivery } from '#shared/bus/delivery.ts'
import type { StreamName } from '#shared/contract/streams.ts'
import { type Counts, movePositions, type Positions } from './positions.ts'
import type { Session } from './session.ts'

/** Makes rows of a batch; `reject` gives a message up. */
export type Prepare = (
  batch: Delivery[],
  reject: (delivery: Delivery, error: unknown) => void,
) => Promise<Write>

/** Writes what was prepared; must run inside a transaction. */
export type Write = (client: ClientBase) => Promise<Counts>

type Store = { actor: Actor; stream: StreamName; prepare: Prepare; session: Session; positions: Positions }

/** Stores `batch` and moves all positions to `sequence`, there and in `positions`. */
export async function storeBatch(store: Store, batch: Delivery[], sequence: number): Promise<void> {
  const { session, positions } = store
  const write = await prepared(store, batch)
  try {
    await session.transaction(async () => {
      const counts = await write(session.client)
      await movePositions(session.client, positions, sequence, counts)
    })
  } catch (error) {
    if (!isAboutData(error)) throw error
    return storeInHalves(store, batch, sequence, error)
  }
  for (const [unit, position] of positions) if (position < sequence) positions.set(unit, sequence)
}

// A dead letter is on disk before the position passes what it holds.
async function prepared(store: Store, batch: Delivery[]): Promise<Write> {
  const rejected: Promise<void>[] = []
  const write = await store.prepare(batch, (delivery, error) => {
    const buried = bury(store, delivery, error)
    // Heard below, unless preparing fails first.
    buried.catch(() => {})
    rejected.push(buried)
  })
  await Promise.all(rejected)
  return write
}

// Postgres refuses a value: the one record that holds it is found, and given up.
async function storeInHalves(
  store: Store,
  batch: Delivery[],
  sequence: number,
  error: unknown,
): Promise<void> {
  const [first] = batch
  if (first === undefined) throw error
  if (batch.length === 1) {
    await bury(store, first, error)
    return storeBatch(store, [], sequence)
  }
  const half = batch.length >> 1
  await storeBatch(store, batch.slice(0, half), batch[half - 1]?.sequence ?? 0)
  await storeBatch(store, batch.slice(half), sequence)
}

// What a feed brings needs no ack.
function bury({ actor, stream }: Store, delivery: Delivery, error: unknown): Promise<void> {
  const { subject, data, sequence, headers, consumerSequence, deliveries, time } = delivery
  const nothing = () => {}
  const answers = { ack: nothing, working: nothing, nak: nothing }
  return actor.bury(
    stream,
    { subject, data, sequence, headers, consumerSequence, deliveries, time, ...answers },
    error,
  )
}

/** A value that a column can't hold, or a key that an index can't: no other try will help. */
function isAboutData(error: unknown): boolean {
  const code = (error as { code?: unknown }).code
  return typeof code === 'string' && /^(21|22|23|54)[0-9A-Z]{3}$/.test(code)
}
