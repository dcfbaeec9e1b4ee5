/**
 * Which process is meant, across supervisors: a pid alone may have gone to somebody else, so it counts only with the
 * start time that the kernel gave it, in the same boot of the same host.
 */
import { hostname } from 'node:os'
import { z } from 'zod'
import { identify, isAlive as livesHere } from '#shared/process/identity.ts'

export const ProcessIdentity = z.object({
  pid: z.number().int().positive(),
  start: z.string(),
  boot: z.string(),
  host: z.string(),
})
export type ProcessIdentity = z.infer<typeof ProcessIdentity>

/** Undefined when no such process lives; one that ended and was not reaped does not live. */
export function identityOf(pid: number): ProcessIdentity | undefined {
  const found = identify(pid)
  return found === undefined ? undefined : { ...found, host: hostname() }
}

export function isAlive(identity: ProcessIdentity): boolean {
  return identity.host === hostname() && livesHere(identity)
}

/** Signals that very process; false when it is gone. */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (!isAlive(identity)) return false
  try {
    return process.kill(identity.pid, signal)
  } catch {
    return false
  }
}
