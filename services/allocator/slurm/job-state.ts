/** What Slurm's states mean to us: a pure function. */
import type { Job } from '../scheduler.ts'

type Meaning = { state: 'pending' } | { state: 'running' } | { state: 'ended'; how: NonNullable<Job['how']> }

const PENDING: Meaning = { state: 'pending' }
const RUNNING: Meaning = { state: 'running' }
const ended = (how: NonNullable<Job['how']>): Meaning => ({ state: 'ended', how })

/** https://slurm.schedmd.com/job_state_codes.html, with the states that only some versions have. */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  PENDING,
  CONFIGURING: PENDING,
  REQUEUED: PENDING,
  REQUEUE_FED: PENDING,
  REQUEUE_HOLD: PENDING,
  SPECIAL_EXIT: PENDING,
  RESV_DEL_HOLD: PENDING,
  RUNNING,
  SUSPENDED: RUNNING,
  STOPPED: RUNNING,
  RESIZING: RUNNING,
  SIGNALING: RUNNING,
  STAGE_OUT: RUNNING,
  // Something of it may still run: its successor must not begin beside it.
  COMPLETING: RUNNING,
  COMPLETED: ended('orderly'),
  FAILED: ended('failed'),
  OUT_OF_MEMORY: ended('failed'),
  BOOT_FAIL: ended('failed'),
  NODE_FAIL: ended('vanished'),
  REVOKED: ended('vanished'),
  PREEMPTED: ended('vanished'),
  CANCELLED: ended('cancelled'),
  TIMEOUT: ended('walltime'),
  DEADLINE: ended('walltime'),
}

/** A word that is not known counts as running: nothing is concluded from it. `CANCELLED by 1000` is `CANCELLED`. */
export function meaningOf(state: string): Meaning {
  return MEANINGS[state.split(' ')[0] ?? ''] ?? RUNNING
}

/** Whether a pending job waits for a person: it will not start by itself. */
export function isHeld(reason: string | undefined): boolean {
  return reason !== undefined && /held/i.test(reason)
}

/** Whether Slurm itself gave it up after a launch that failed: nobody but us will end it. */
export function isAbandoned(reason: string | undefined): boolean {
  return reason !== undefined && /launch[_ ]failed.*held/i.test(reason)
}
