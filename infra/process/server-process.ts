/** A server that we started, or that an earlier supervisor of the same home started and left behind. */
import { spawn } from 'node:child_process'
import { appendFileSync, closeSync, openSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { identify, isAlive, type ProcessIdentity } from '#shared/process/identity.ts'

export type ServerProcess = {
  readonly pid: number
  /** Resolves when it has ended, however that came. */
  readonly exited: Promise<void>
  /** True while it lives. */
  alive(): boolean
  kill(signal: NodeJS.Signals): void
  /** Sends the signals one after the other, until it has ended. */
  stop(steps: readonly StopStep[]): Promise<void>
}

/** A signal, and how long to wait before the next one. */
export type StopStep = { signal: NodeJS.Signals; waitMs: number }

export type LaunchOptions = {
  file: string
  args: string[]
  /** All of its environment: nothing is inherited, so no secret of ours is either. */
  env: Record<string, string>
  cwd: string
  /** Gets its output; appended to. */
  log: string
  /** Whom it runs as; default ourselves. */
  uid?: number
  gid?: number
}

/**
 * Starts a server in a process group of its own: a Ctrl-C in the terminal reaches only the supervisor, which stops
 * the servers last, after the actors that need them.
 */
export function launchServer({ file, args, env, cwd, log, uid, gid }: LaunchOptions): ServerProcess {
  // The file itself, not a pipe through us: the server must outlive a supervisor that is killed.
  const output = openSync(log, 'a', 0o600)
  try {
    const child = spawn(file, args, {
      cwd,
      env,
      stdio: ['ignore', output, output],
      detached: true,
      ...(uid === undefined ? {} : { uid, gid }),
    })
    const exited = new Promise<void>((resolve) => {
      child.once('exit', () => resolve())
      child.once('error', (error) => {
        appendFileSync(log, `${error.message}\n`)
        resolve()
      })
    })
    const identity = child.pid === undefined ? undefined : identify(child.pid)
    return serverProcess(identity ?? { pid: child.pid ?? -1, start: 'ended', boot: '' }, exited)
  } finally {
    closeSync(output)
  }
}

/** Takes over a server that is running already. */
export function adoptServer(identity: ProcessIdentity): ServerProcess {
  return serverProcess(identity, untilGone(identity))
}

function serverProcess(identity: ProcessIdentity, exited: Promise<void>): ServerProcess {
  const alive = (): boolean => isAlive(identity)
  const kill = (signal: NodeJS.Signals): void => {
    if (!alive()) return
    try {
      process.kill(identity.pid, signal)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
  return {
    pid: identity.pid,
    exited,
    alive,
    kill,
    async stop(steps) {
      for (const { signal, waitMs } of steps) {
        if (!alive()) break
        kill(signal)
        const given = new AbortController()
        await Promise.race([
          exited,
          pause(waitMs, undefined, { ref: true, signal: given.signal }).catch(() => {}),
        ])
        given.abort()
      }
    },
  }
}

async function untilGone(identity: ProcessIdentity): Promise<void> {
  while (isAlive(identity)) await pause(200, undefined, { ref: false })
}
