/** What the log holds, as items for the flow, handed over in log order even where a value must be fetched first. */
import type { Blobs } from '#shared/bus/blobs.ts'
import type { LogRecord } from './log-record.ts'
import type { LogItem } from './thread/protocol.ts'

export type ItemOrder = {
  /** Hands over what the flow may see of a record; the rest it never sees. */
  give(entry: LogRecord): void
  /** Of the range that begins at `first` no more than `count` steps will have an outcome: told behind what was given. */
  cut(first: number, count: number): void
  /** Resolves when the flow has taken most of what was given: for one who reads faster than the flow runs. */
  taken(): Promise<void>
  /** The flow has taken all that came before the mark. */
  marked(mark: number): void
}

/** Pieces of the log that may be on their way to the flow. */
const AHEAD = 8

export function itemOrder(
  blobs: Pick<Blobs, 'fromPayload'>,
  send: (items: LogItem[]) => void,
  fail: (error: unknown) => void,
): ItemOrder {
  let order: Promise<void> | undefined
  let given: LogItem[] = []
  let marks = 0
  let reached = 0
  let goOn: (() => void) | undefined
  const flush = (): void => {
    if (given.length === 0) return
    const items = given
    given = []
    send(items)
  }
  const put = (item: LogItem): void => {
    if (given.push(item) === 1) queueMicrotask(flush)
  }
  const give = (item: LogItem | Promise<LogItem>): void => {
    if (order === undefined && !(item instanceof Promise)) return put(item)
    // An item whose blob must be fetched holds back those behind it.
    const next = (order ?? Promise.resolve())
      .then(async () => put(await item))
      .catch(fail)
      .then(() => {
        if (order === next) order = undefined
      })
    order = next
  }
  return {
    give(entry) {
      const item = toItem(blobs, entry)
      if (item !== undefined) give(item)
    },
    cut: (first, count) => give({ kind: 'cut', first, count }),
    async taken() {
      give({ kind: 'mark', mark: ++marks })
      while (marks - reached > AHEAD)
        await new Promise<void>((resolve) => {
          goOn = resolve
        })
    },
    marked(mark) {
      reached = mark
      goOn?.()
    },
  }
}

/** What the flow may see of a record. */
export function toItem(
  blobs: Pick<Blobs, 'fromPayload'>,
  entry: LogRecord,
): LogItem | Promise<LogItem> | undefined {
  switch (entry.kind) {
    case 'cancel':
      return { kind: 'cancel', at: entry.at, reason: reasonOf(entry.body) }
    case 'attempt':
      return { kind: 'attempt', step: entry.step, at: entry.at }
    case 'outcome':
      return outcomeItem(blobs, entry)
  }
}

export function reasonOf({ reason, by }: { reason?: string | undefined; by: string }): string {
  return reason ?? `cancelled by ${by}`
}

function outcomeItem(
  blobs: Pick<Blobs, 'fromPayload'>,
  { step, at, body }: Extract<LogRecord, { kind: 'outcome' }>,
): LogItem | Promise<LogItem> {
  const { state, digest, name, result, error, from } = body
  const item: Extract<LogItem, { kind: 'outcome' }> = {
    kind: 'outcome',
    step,
    // What was taken over is as old as it was there: the flow's time passes as it did, and comes to the same arguments.
    at: from?.how === 'resumed' ? from.at : at,
    state,
    digest,
    name,
    result: undefined,
    error,
  }
  if (result === undefined) return item
  const bytes = blobs.fromPayload(result)
  if (bytes instanceof Promise) return bytes.then((read) => ({ ...item, result: read }))
  item.result = bytes
  return item
}
