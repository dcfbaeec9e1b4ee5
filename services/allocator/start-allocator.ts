/** The allocator, put together: jobs, leases, pools, and what it answers. */
import type { Actor, Running } from '#shared/actor/actor.ts'
import { ensureConsumer } from '#shared/bus/consumers.ts'
import { watchRegistry } from '#shared/bus/registry.ts'
import type { Cluster } from '#shared/cluster/cluster.ts'
import { CONSUMER, STREAM } from '#shared/contract/streams.ts'
import { filter } from '#shared/contract/subjects.ts'
import type { AllocationTools } from './allocation.ts'
import { Allocations } from './allocations.ts'
import { answerQuestions, type JobsAnswer } from './answers.ts'
import { guardSubmit } from './guarded-submit.ts'
import { openJobBoard } from './job-board.ts'
import { type JobMaker, PROGRAMS } from './job-spec.ts'
import { type Leases, takeLeases } from './leases.ts'
import { Pools } from './pools.ts'
import type { Scheduler } from './scheduler.ts'
import { schedulerFor } from './several-schedulers.ts'

export type AllocatorOptions = {
  cluster: Cluster
  home: string
  /** All of a job's environment but its own name. */
  jobEnvironment: Readonly<Record<string, string>>
  programs?: JobMaker['programs']
  scheduler?: Scheduler
}

/** A log is read again so often even if nobody says that it has news. */
const READ_LOGS_MS = 3_000
const SCALE_MS = 1_000
const STEP_MS = 1_000
const SHUTDOWN_GRACE_SECONDS = 25

export async function startAllocator(actor: Actor, options: AllocatorOptions): Promise<Running> {
  const scheduler =
    options.scheduler ?? schedulerFor(options.cluster, options.home, actor.environment.forTasks)
  const wake = coalesce(() => {
    allocations.step()
    void pools.scale()
  })
  let living = ''
  const registry = watchRegistry(actor.bus, () => {
    const now = jobsThatLive(registry)
    if (now !== living) scheduler.expectNews()
    living = now
    wake()
  })
  const board = await openJobBoard(actor, scheduler, wake)
  const tools: AllocationTools = {
    actor,
    cluster: options.cluster,
    home: options.home,
    scheduler,
    board,
    registry,
    guard: guardSubmit(actor, scheduler),
    maker: { programs: options.programs ?? PROGRAMS, environment: options.jobEnvironment },
    publisher: actor.publisher({ stream: STREAM.runs }),
  }
  const allocations = new Allocations(tools)
  const pools = new Pools(tools)
  await registry.ready
  await pools.ensureQueues()
  const leases = await openLeases(tools, allocations)
  const timers = [
    setInterval(() => void allocations.readLogs(), READ_LOGS_MS),
    setInterval(() => allocations.step(), STEP_MS),
    setInterval(() => void pools.scale(), SCALE_MS),
  ]
  const halt = (): void => {
    for (const timer of timers) clearInterval(timer)
    allocations.stop()
    pools.stop()
  }
  const answers = answerQuestions(actor, {
    jobs: () => describeJobs(tools, pools),
    async shutdown() {
      halt()
      await endAllJobs(tools)
    },
  })
  wake()
  return {
    // The jobs stay: they are looked after by the next allocator, which finds them by their names.
    async drain() {
      halt()
      leases.handBack()
      answers[Symbol.dispose]()
      board[Symbol.dispose]()
      registry[Symbol.dispose]()
      tools.guard[Symbol.dispose]()
      await scheduler[Symbol.asyncDispose]()
    },
  }
}

async function openLeases({ actor, cluster }: AllocationTools, allocations: Allocations): Promise<Leases> {
  const hosting = [...cluster.pools.values()]
    .filter(({ starts }) => starts.kind === 'vqpu')
    .map(({ name }) => name)
  for (const pool of hosting)
    await ensureConsumer(
      actor.bus.nc,
      STREAM.allocations,
      CONSUMER.allocations(pool),
      filter.poolAllocations(pool),
    )
  return takeLeases(actor, {
    pools: hosting,
    onLease: (lease) => allocations.take(lease),
    onLost: (lease) => allocations.drop(lease),
  })
}

function describeJobs({ board, guard }: AllocationTools, pools: Pools): JobsAnswer {
  const jobs = board.jobs.map(({ name, pool, state, how, reason, node, pid }) => ({
    job: name,
    pool,
    state,
    how,
    reason,
    node,
    pid,
  }))
  const paused = guard.openBecause
  return { jobs, pools: pools.reasons(), ...(paused === undefined ? {} : { paused }) }
}

/** Of this system only. What is asked for again later starts afresh, so nothing is kept of the jobs. */
async function endAllJobs({ scheduler, board, actor }: AllocationTools): Promise<void> {
  await board.refresh()
  const live = board.jobs.filter(({ state }) => state !== 'ended')
  actor.log.info({ jobs: live.length }, 'ending all jobs')
  await Promise.all(live.map((job) => scheduler.cancel(job.id, { graceSeconds: SHUTDOWN_GRACE_SECONDS })))
  await board.refresh()
  for (const job of board.jobs) if (job.state === 'ended') await scheduler.forget(job.id)
  await board.refresh()
}

/** Names of the jobs whose actors are there, in one text. */
function jobsThatLive({ actors, vqpus }: AllocationTools['registry']): string {
  const jobs = [...actors.values(), ...vqpus.values()].flatMap(({ job, state }) =>
    job === undefined || state === 'ended' ? [] : [job],
  )
  return [...new Set(jobs)].sort().join()
}

/** Many calls in one moment become one, a little later. */
function coalesce(act: () => void): () => void {
  let waiting = false
  return () => {
    if (waiting) return
    waiting = true
    setTimeout(() => {
      waiting = false
      act()
    }, 20).unref()
  }
}
