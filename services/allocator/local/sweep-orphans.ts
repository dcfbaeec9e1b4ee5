/** Ends what a job left running: a worker that was killed leaves its program's process group behind. */
import { setTimeout as pause } from 'node:timers/promises'
import { processesWith } from '#shared/process/find.ts'
import { type ProcessIdentity, signalExactly } from '#shared/process/identity.ts'

/** Tells a job's processes from all others; they hand it on to whatever they start. */
export const JOB_VARIABLE = 'QUBUS_JOB'

// A process in uninterruptible sleep can't be ended by anybody: waiting for ever would hold up the pool.
const GIVE_UP_MS = 5_000

/** Resolves, with how many there were, when no process of our user with `QUBUS_JOB=<job>` is left. */
export async function sweepOrphans(job: string): Promise<number> {
  const swept = new Set<string>()
  const until = performance.now() + GIVE_UP_MS
  for (;;) {
    // Again until none is left: one may have been about to start another.
    const left = processesWith(JOB_VARIABLE, job)
    if (left.length === 0 || performance.now() > until) return swept.size
    for (const each of left) kill(each, swept)
    await pause(10)
  }
}

function kill(orphan: ProcessIdentity, swept: Set<string>): void {
  swept.add(`${orphan.pid} ${orphan.start}`)
  signalExactly(orphan, 'SIGKILL', 'process')
}
