/** An actor as a process of its own: it outlives a supervisor that is killed, and the next one takes it over. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { variablesWith } from '#shared/config/environment.ts'
import { QubusError } from '#shared/contract/errors.ts'
import type { ActorName } from '#shared/contract/registry.ts'
import { NODE_FLAGS } from '#shared/process/node-flags.ts'
import { openLog } from './log-file.ts'
import { identityOf } from './process-identity.ts'
import type { RunningProcess } from './running-process.ts'

/** The program of an actor. */
export function actorFile(name: ActorName): string {
  return fileURLToPath(new URL(`../../services/${name}/main.ts`, import.meta.url))
}

export type ActorLaunch = {
  actor: ActorName
  args: string[]
  home: string
  /** Gets what it writes. */
  log: string
}

/** @throws QubusError `UNREACHABLE` when the process can't be made. */
export async function startActor({ actor, args, home, log }: ActorLaunch): Promise<RunningProcess> {
  const output = openLog(log)
  try {
    const child = spawn(process.execPath, [...NODE_FLAGS, actorFile(actor), ...args], {
      env: variablesWith({ QUBUS_HOME: home }),
      // A process group of its own: Ctrl-C at the terminal is the supervisor's to handle.
      detached: true,
      stdio: ['ignore', output, output],
    })
    const identity = child.pid === undefined ? undefined : identityOf(child.pid)
    if (identity === undefined) {
      const [error] = (await once(child, 'error').catch((cause: unknown) => [cause])) as [Error]
      throw new QubusError('UNREACHABLE', `the process of ${actor} could not be made: ${error.message}`, {
        cause: error,
      })
    }
    const exited = new Promise<string>((resolve) => {
      child.once('exit', (code, signal) => resolve(signal === null ? `exit code ${code}` : signal))
    })
    return { identity, exited }
  } finally {
    closeSync(output)
  }
}
