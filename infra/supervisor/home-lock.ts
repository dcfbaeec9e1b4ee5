/**
 * One supervisor a home, on one host at a time. The lock names the process that holds it: its pid and start time, the
 * boot and the host. When that one is gone, or the host was started anew, the lock is anybody's on that host. Of another
 * host nobody here can tell: there its signs of life say what to think.
 */
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { QubusError } from '#shared/contract/errors.ts'
import { ProcessIdentity as Identity, identityOf, isAlive, type ProcessIdentity } from './process-identity.ts'
import { giveSigns, silentFor } from './sign-of-life.ts'

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
  const holds = (): boolean => same(readLock(path), owner)
  const signs = giveSigns(path, holds)
  return {
    owner,
    [Symbol.dispose]() {
      signs[Symbol.dispose]()
      if (holds()) rmSync(path, { force: true })
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

/** Six signs missed. A supervisor that was killed gives none either, while what it started goes on. */
const SILENT_MS = 60_000

function elsewhere(path: string, { host, pid }: ProcessIdentity): QubusError {
  const silent = silentFor(path)
  const who = `host ${host} (process ${pid}`
  const seconds = silent === undefined ? undefined : Math.round(silent / 1000)
  const facts = { host, pid, ...(seconds === undefined ? {} : { silentSeconds: seconds }) }
  const message =
    silent !== undefined && silent < SILENT_MS
      ? `this home is in use on ${who}, last sign of life ${seconds} s ago): run qubus down there, or set QUBUS_HOME to another folder`
      : `this home was last in use on ${who}, ${silent === undefined ? 'no sign of life since' : `silent for ${duration(silent)}`}): what it started may still run there, so run qubus down there; if that host is gone for good, remove ${path} and try again`
  return new QubusError('BAD_ENVIRONMENT', message, { facts })
}

function duration(ms: number): string {
  const minutes = Math.round(ms / 60_000)
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`
}
