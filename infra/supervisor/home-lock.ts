/** One supervisor a home. The lock names the process that holds it; when that one is gone, the lock is anybody's. */
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { QubusError } from '#shared/contract/errors.ts'
import { ProcessIdentity as Identity, identityOf, isAlive, type ProcessIdentity } from './process-identity.ts'

export type HomeLock = Disposable & { readonly owner: ProcessIdentity }

/** The lock, or who holds it. @throws QubusError `BAD_ENVIRONMENT` when a supervisor on another host holds it. */
export function takeLock(path: string): HomeLock | { heldBy: ProcessIdentity } {
  const owner = identityOf(process.pid) as ProcessIdentity
  const draft = `${path}.${process.pid}`
  writeFileSync(draft, JSON.stringify(owner), { mode: 0o600 })
  try {
    for (;;) {
      if (tryLink(draft, path)) return held(path, owner)
      const holder = readLock(path)
      if (holder !== undefined) {
        if (holder.host !== hostname()) throw elsewhere(path, holder)
        if (isAlive(holder)) return { heldBy: holder }
      }
      breakStale(path, holder)
    }
  } finally {
    rmSync(draft, { force: true })
  }
}

/** Who holds the lock now, if that process lives. */
export function lockHolder(path: string): ProcessIdentity | undefined {
  const holder = readLock(path)
  if (holder === undefined) return undefined
  if (holder.host !== hostname()) throw elsewhere(path, holder)
  return isAlive(holder) ? holder : undefined
}

function held(path: string, owner: ProcessIdentity): HomeLock {
  return {
    owner,
    [Symbol.dispose]() {
      if (same(readLock(path), owner)) rmSync(path, { force: true })
    },
  }
}

// A link appears complete or not at all, and only one process can make it.
function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

// Two may find the same stale lock: what was moved away is looked at again, and put back if it was a new one.
function breakStale(path: string, stale: ProcessIdentity | undefined): void {
  const aside = `${path}.stale.${process.pid}`
  try {
    renameSync(path, aside)
  } catch {
    return
  }
  const moved = readLock(aside)
  if (moved !== undefined && !same(moved, stale) && isAlive(moved)) tryLink(aside, path)
  rmSync(aside, { force: true })
}

function readLock(path: string): ProcessIdentity | undefined {
  try {
    return Identity.safeParse(JSON.parse(readFileSync(path, 'utf8'))).data
  } catch {
    return undefined
  }
}

function same(a: ProcessIdentity | undefined, b: ProcessIdentity | undefined): boolean {
  return a?.pid === b?.pid && a?.start === b?.start && a?.boot === b?.boot && a?.host === b?.host
}

function elsewhere(path: string, { host, pid }: ProcessIdentity): QubusError {
  return new QubusError(
    'BAD_ENVIRONMENT',
    `this home is in use on host ${host} (process ${pid}): run qubus down there; if that host is gone for good, remove ${path}`,
  )
}
