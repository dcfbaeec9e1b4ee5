/** Reads by subject that are asked for one by one, and made together. */
import type { Stored } from './direct.ts'

/** @param read gets all subjects of one turn, each once. */
export function batchedReads(
  read: (subjects: string[]) => Promise<Stored[]>,
): (subject: string) => Promise<Stored | undefined> {
  let asked = new Map<string, PromiseWithResolvers<Stored | undefined>>()
  const flush = async (): Promise<void> => {
    const group = asked
    asked = new Map()
    try {
      const found = new Map((await read([...group.keys()])).map((stored) => [stored.subject, stored]))
      for (const [subject, { resolve }] of group) resolve(found.get(subject))
    } catch (error) {
      for (const { reject } of group.values()) reject(error)
    }
  }
  return (subject) => {
    const known = asked.get(subject)
    if (known) return known.promise
    const asking = Promise.withResolvers<Stored | undefined>()
    asked.set(subject, asking)
    if (asked.size === 1) setImmediate(() => void flush())
    return asking.promise
  }
}
