/** What the scheduler's jobs are now: looked up in one go for everybody here, and told to those who watch. */
import type { Actor } from '#shared/actor/actor.ts'
import type { Job, Scheduler } from './scheduler.ts'

/** An ended job that nobody asked about for so long is forgotten. */
const FORGET_AFTER_MS = 3_600_000

export type JobBoard = Disposable & {
  readonly jobs: readonly Job[]
  find(name: string): Job | undefined
  /** Asks the scheduler now; resolves when the board shows the answer. */
  refresh(): Promise<void>
}

/** @param onChange called when the board shows something new. */
export async function openJobBoard(
  actor: Actor,
  scheduler: Scheduler,
  onChange: () => void,
): Promise<JobBoard> {
  let jobs: readonly Job[] = []
  let asking: Promise<void> | undefined
  let again = false
  const look = async (): Promise<void> => {
    try {
      const found = await scheduler.jobs()
      const changed = tellChanges(actor, jobs, found)
      jobs = found
      if (changed) onChange()
      await forgetOld(scheduler, found)
    } catch (error) {
      // What was known stays: no answer says nothing about any job.
      actor.log.error({ err: error }, 'the scheduler does not say what its jobs are')
    }
  }
  const refresh = (): Promise<void> => {
    // An answer under way may be older than what the caller did.
    if (asking !== undefined) {
      again = true
      return asking
    }
    asking = (async () => {
      do {
        again = false
        await look()
      } while (again)
    })().finally(() => {
      asking = undefined
    })
    return asking
  }
  let timer: NodeJS.Timeout | undefined
  const lookAgain = (): void => {
    timer = setTimeout(() => {
      void refresh()
      lookAgain()
    }, scheduler.pollSeconds * 1000)
    timer.unref()
  }
  lookAgain()
  scheduler.onChange(() => void refresh())
  await refresh()
  return {
    get jobs() {
      return jobs
    },
    find: (name) => jobs.find((job) => job.name === name),
    refresh,
    [Symbol.dispose]: () => clearTimeout(timer),
  }
}

function tellChanges(actor: Actor, before: readonly Job[], after: readonly Job[]): boolean {
  const known = new Map(before.map((job) => [job.id, job]))
  let changed = before.length !== after.length
  for (const job of after) {
    const old = known.get(job.id)
    if (old?.state === job.state && old.reason === job.reason) continue
    changed = true
    // A job that had ended before we looked for the first time is no news.
    if (old === undefined && job.state === 'ended') continue
    if (old === undefined) tell(actor, 'submitted', job)
    if (old?.state !== job.state && job.state !== 'pending') tell(actor, job.state, job)
  }
  return changed
}

function tell(actor: Actor, verb: string, { name, pool, state, how, reason, node, pid }: Job): void {
  actor.log.info({ job: name, pool, how, reason, pid }, `job ${verb}`)
  actor.emit({ noun: 'job', verb, id: name, data: { job: name, pool, state, how, reason, node, pid } })
}

async function forgetOld(scheduler: Scheduler, jobs: readonly Job[]): Promise<void> {
  const old = jobs.filter((job) => job.endedAt !== undefined && Date.now() - job.endedAt > FORGET_AFTER_MS)
  for (const job of old) await scheduler.forget(job.id)
}
