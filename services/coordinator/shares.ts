/** Which shards of the runs each coordinator takes up: all of them are shared out evenly, by the order of their ids. */
import { SHARDS } from '#shared/contract/ids.ts'

const ALL = Array.from({ length: SHARDS }, (_, shard) => shard)

/** @param others ids of the other coordinators that are ready. */
export function sharesOf(id: string, others: Iterable<string>): number[] {
  const all = [...new Set([...others, id])].sort()
  const mine = all.indexOf(id)
  return ALL.filter((shard) => shard % all.length === mine)
}
