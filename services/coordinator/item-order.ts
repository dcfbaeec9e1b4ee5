/** What the log holds, as items for the flow, handed over in log order even where a value must be fetched first. */
import type { Blobs } from '#shared/bus/blobs.ts'
import type { LogRecord } from './log-record.ts'
import type { LogItem } from './thread/protocol.ts'

export type ItemOrder = {
  /** Hands over what the flow may see of a record; the rest it never sees. */
  give(entry: LogRecord): void
}

export function itemOrder(
  blobs: Blobs,
  send: (item: LogItem) => void,
  fail: (error: unknown) => void,
): ItemOrder {
  let order: Promise<void> | undefined
  return {
    give(entry) {
      const item = toItem(blobs, entry)
      if (item === undefined) return
      if (order === undefined && !(item instanceof Promise)) return send(item)
      // An item whose blob must be fetched holds back those behind it.
      const next = (order ?? Promise.resolve())
        .then(async () => send(await item))
        .catch(fail)
        .then(() => {
          if (order === next) order = undefined
        })
      order = next
    },
  }
}

function toItem(blobs: Blobs, entry: LogRecord): LogItem | Promise<LogItem> | undefined {
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
  blobs: Blobs,
  { step, at, body }: Extract<LogRecord, { kind: 'outcome' }>,
): LogItem | Promise<LogItem> {
  const { state, digest, name, result, error } = body
  const item = {
    kind: 'outcome' as const,
    step,
    at,
    state,
    digest,
    name,
    ...(error === undefined ? {} : { error }),
  }
  if (result === undefined) return item
  const bytes = blobs.fromPayload(result)
  return bytes instanceof Promise
    ? bytes.then((read) => ({ ...item, result: read }))
    : { ...item, result: bytes }
}
