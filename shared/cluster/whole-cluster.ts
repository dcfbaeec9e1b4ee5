/** What only all pools together can have wrong: somebody served twice, or by nobody. */
import { type Pool, REQUIRED_POOLS } from './cluster.ts'
import type { Findings } from './findings.ts'

export type Whole = {
  pools: ReadonlyMap<string, Pool>
  /** Names that are in the file, but can't be read: they are not missing. */
  unread: ReadonlySet<unknown>
  /** The pool of a configuration without a name: a file of that kind says nothing of the rest. */
  unnamed: string | undefined
}

export function checkWhole({ pools, unread, unnamed }: Whole, findings: Findings): void {
  const servedBy = new Map<string, string>()
  for (const { name, starts } of pools.values()) {
    for (const served of starts.kind === 'worker' ? starts.serves : [name]) {
      const other = servedBy.get(served)
      if (other !== undefined)
        findings.problem([name], `${served} is served by ${other} already: write it once`)
      servedBy.set(served, name)
    }
  }
  const missing = REQUIRED_POOLS.filter((name) => !servedBy.has(name) && !unread.has(name))
  if (missing.length === 0) return
  const found = [...servedBy.keys(), ...[...unread].map(String)].join(', ')
  if (unnamed === undefined) {
    const instead = 'write a pool of that name, or a worker that serves it'
    findings.problem([], `found pools ${found}; missing are ${missing.join(', ')}: ${instead}`)
  } else {
    const instead = 'without them no circuit runs; write configurations of these names beside it'
    findings.warn([], `this one configuration serves ${found}; missing are ${missing.join(', ')}: ${instead}`)
  }
}
