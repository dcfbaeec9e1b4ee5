/** Starts the process of a job: in a session of its own, so that it outlives whoever started it. */
import { spawn } from 'node:child_process'
import { closeSync } from 'node:fs'
import { QubusError } from '#shared/contract/errors.ts'
import { identify, type ProcessIdentity } from '#shared/process/identity.ts'
import { NODE_FLAGS } from '#shared/process/node-flags.ts'
import type { JobSpec } from '../scheduler.ts'
import { openJobLog } from './job-log.ts'
import { JOB_VARIABLE } from './sweep-orphans.ts'

export type JobExit = { code: number | null; signal: NodeJS.Signals | null }

/** @throws QubusError `ALLOCATION_FAILED` when no process could be started; then nothing runs. */
export async function startJob(
  spec: JobSpec,
  logFile: string,
  onExit: (exit: JobExit) => void,
): Promise<ProcessIdentity> {
  const log = openJobLog(logFile)
  try {
    const child = spawn(process.execPath, [...NODE_FLAGS, ...spec.argv], {
      detached: true,
      stdio: ['ignore', log, log],
      env: { ...spec.environment, ...endOf(spec), [JOB_VARIABLE]: spec.name },
    })
    // Read in the same turn: before the loop reaps it, even one that has ended already is there to be read.
    const identity = child.pid === undefined ? undefined : identify(child.pid)
    child.once('exit', (code, signal) => onExit({ code, signal }))
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve)
      child.once('error', reject)
    })
    child.unref()
    return identity ?? { pid: child.pid as number, start: 'ended at once', boot: '' }
  } catch (cause) {
    throw new QubusError(
      'ALLOCATION_FAILED',
      `the job ${spec.name} could not be started: ${(cause as Error).message}`,
      { cause },
    )
  } finally {
    closeSync(log)
  }
}

// An actor that knows its end takes nothing that it can't finish.
function endOf({ walltimeSeconds }: JobSpec): Record<string, string> {
  if (walltimeSeconds === undefined) return {}
  return { QUBUS_JOB_ENDS_AT: String(Math.floor(Date.now() / 1000 + walltimeSeconds)) }
}
