/** Leaves a supervisor behind, and waits until its system is ready. */
import { spawn } from 'node:child_process'
import { closeSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Environment, variablesWith } from '#shared/config/environment.ts'
import { ERRORS, type ErrorCode, QubusError } from '#shared/contract/errors.ts'
import { NODE_FLAGS } from '#shared/process/node-flags.ts'
import { makePrivateFolder } from '../process/private-file.ts'
import { type Summary, SupervisorState, supervisorFiles } from './files.ts'
import { readJson } from './json-file.ts'
import { openLog, tailOf } from './log-file.ts'
import type { Counts } from './plan.ts'
import { identityOf, isAlive, type ProcessIdentity } from './process-identity.ts'

const POLL_MS = 50

/** @throws QubusError what kept the system from starting. */
export async function detach(
  environment: Environment,
  counts: Counts,
  cluster: string | undefined,
): Promise<Summary> {
  const files = supervisorFiles(environment.home)
  for (const folder of [environment.home, files.logs]) await makePrivateFolder(folder)
  const output = openLog(files.log('supervisor'))
  const args = [fileURLToPath(new URL('./main.ts', import.meta.url)), JSON.stringify({ counts, cluster })]
  const child = spawn(process.execPath, [...NODE_FLAGS, ...args], {
    cwd: environment.home,
    env: variablesWith({ QUBUS_HOME: environment.home }),
    detached: true,
    stdio: ['ignore', output, output],
  })
  closeSync(output)
  child.unref()
  const supervisor = child.pid === undefined ? undefined : identityOf(child.pid)
  if (supervisor === undefined)
    throw new QubusError('UNREACHABLE', 'the process of the supervisor could not be made')
  return untilSystemReady(environment, supervisor)
}

/** Waits for the system of a supervisor that is starting, or has started. @throws QubusError what went wrong. */
export async function untilSystemReady({ home }: Environment, supervisor: ProcessIdentity): Promise<Summary> {
  const files = supervisorFiles(home)
  for (;;) {
    const alive = isAlive(supervisor)
    const state = readJson(files.state, SupervisorState)
    const its =
      state?.supervisor.pid === supervisor.pid && state.supervisor.start === supervisor.start
        ? state
        : undefined
    if (its?.phase === 'ready' && its.summary) return its.summary
    if (its?.phase === 'stopping')
      throw new QubusError('UNREACHABLE', 'the system is being stopped: try again when qubus down is through')
    if (!alive) throw failure(its, files.log('supervisor'))
    await pause(POLL_MS)
  }
}

function failure(state: SupervisorState | undefined, log: string): QubusError {
  const { code, message } = state?.error ?? {
    code: 'UNREACHABLE',
    message: `the supervisor ended; the end of ${log}:\n${tailOf(log)}`,
  }
  const known = code in ERRORS && code !== 'INTERNAL' ? (code as ErrorCode) : 'UNREACHABLE'
  return new QubusError(known, message, { facts: { log } })
}
