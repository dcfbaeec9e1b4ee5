/** A process that lives now: our child, or one that an earlier supervisor started. */
import { setTimeout as pause } from 'node:timers/promises'
import { isAlive, type ProcessIdentity, signalProcess } from './process-identity.ts'

export type RunningProcess = {
  identity: ProcessIdentity
  /** Resolves when it is gone, with how it ended where that can be known. */
  exited: Promise<string>
}

const POLL_MS = 200

/** A process that is not our child: nobody tells us when it ends. */
export function adopt(identity: ProcessIdentity): RunningProcess {
  return { identity, exited: watch(identity) }
}

async function watch(identity: ProcessIdentity): Promise<string> {
  while (isAlive(identity)) await pause(POLL_MS, undefined, { ref: false })
  return 'ended'
}

/** Asks it to end with `signal`; after `graceMs`, or when `force` is aborted, it is killed. Resolves when it is gone. */
export async function endProcess(
  running: RunningProcess,
  signal: NodeJS.Signals,
  graceMs: number,
  force?: AbortSignal,
): Promise<void> {
  if (!signalProcess(running.identity, signal)) return
  const over = AbortSignal.any([AbortSignal.timeout(graceMs), ...(force ? [force] : [])])
  const kill = (): void => void signalProcess(running.identity, 'SIGKILL')
  if (over.aborted) kill()
  else over.addEventListener('abort', kill, { once: true })
  // `timeout` signals do not keep the process alive by themselves.
  const awake = setInterval(() => {}, 1_000)
  try {
    await running.exited
  } finally {
    clearInterval(awake)
    over.removeEventListener('abort', kill)
  }
}
