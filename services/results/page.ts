/** As many rows as one message holds. */
import { encode } from '#shared/wire/message.ts'

/**
 * The answer with all of `rows`, or with as many of the first as fit into `limit` bytes and `more` set.
 * @param asked how many rows were asked for: fewer means that there are no more.
 * @param groupOf rows of one group stay together where the next page begins after a group.
 */
export function pageThatFits<T>(
  limit: number,
  asked: number,
  rows: T[],
  answer: (rows: T[], more: boolean) => object,
  groupOf?: (row: T) => unknown,
): Uint8Array {
  let more = rows.length >= asked
  let page = rows
  for (;;) {
    const body = encode(answer(page, more))
    if (body.length <= limit || page.length <= 1) return body
    const shorter = cut(page, Math.floor((page.length * limit * 0.9) / body.length), groupOf)
    if (shorter.length === page.length) return body
    page = shorter
    more = true
  }
}

function cut<T>(rows: T[], count: number, groupOf: ((row: T) => unknown) | undefined): T[] {
  let end = Math.max(1, Math.min(count, rows.length - 1))
  if (groupOf === undefined) return rows.slice(0, end)
  const startsGroup = (at: number) => groupOf(rows[at] as T) !== groupOf(rows[at - 1] as T)
  while (end > 1 && !startsGroup(end)) end--
  if (end > 1 || startsGroup(1)) return rows.slice(0, end)
  // The first group alone is too large: it goes out as far as it fits.
  return rows.slice(0, Math.max(1, Math.min(count, rows.length - 1)))
}
