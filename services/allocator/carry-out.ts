/** Does what was decided for one allocation. */
import { ensureConsumer } from '#shared/bus/consumers.ts'
import type { Pool } from '#shared/cluster/cluster.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { CONSUMER, STREAM } from '#shared/contract/streams.ts'
import { filter } from '#shared/contract/subjects.ts'
import type { Allocation, AllocationTools } from './allocation.ts'
import { recordReady } from './allocation-records.ts'
import type { AllocationStep } from './allocation-step.ts'
import { finishAllocation } from './finish-allocation.ts'
import { jobName } from './job-name.ts'
import { vqpuJob } from './job-spec.ts'
import type { Lease } from './leases.ts'

const GIVE_UP_GRACE_SECONDS = 10

/** `over`: nothing is left to do for it, and its lease may go. `log`: what its run's log says has changed. */
export type Carried = 'over' | 'log' | 'goes on'

export async function carryOut(
  tools: AllocationTools,
  allocation: Allocation,
  step: Exclude<AllocationStep, { do: 'wait' }>,
): Promise<Carried> {
  switch (step.do) {
    case 'submit':
      await submit(tools, allocation, step)
      return 'goes on'
    case 'record-ready':
      await announce(tools, allocation, step)
      return 'log'
    case 'give-up-job':
      await tools.scheduler.cancel(step.job.id, {
        graceSeconds: GIVE_UP_GRACE_SECONDS,
        signal: tools.actor.stopping,
      })
      await tools.board.refresh()
      return 'goes on'
    case 'finish':
      return (await finishAllocation(tools, allocation, step)) && !allocation.gone ? 'over' : 'goes on'
  }
}

async function submit(
  tools: AllocationTools,
  allocation: Allocation,
  step: Extract<AllocationStep, { do: 'submit' }>,
): Promise<void> {
  const { actor, board, guard, maker } = tools
  const { run, device, engine, shared } = allocation.lease.command
  const pool = poolOf(tools, allocation.lease)
  const name = jobName(allocation.series, step.generation)
  await ensureConsumer(
    actor.bus.nc,
    STREAM.circuits,
    CONSUMER.circuits(device),
    filter.deviceCircuits(device),
  )
  // Time has passed: the run may be over, the lease another's.
  if (allocation.gone) return
  const wish = {
    device,
    engine,
    walltimeSeconds: step.walltimeSeconds,
    ...(shared ? { takesFrom: pool.name } : { run }),
  }
  try {
    await guard.submit(vqpuJob(maker, pool, name, wish))
  } catch (error) {
    submitFailed(tools, allocation, error)
    return
  }
  allocation.failedSubmits = { count: 0, lastAt: 0, reason: '', final: false }
  await board.refresh()
  const verb = step.generation === 1 ? 'started' : 'replaced'
  actor.emit({
    noun: 'allocation',
    verb,
    run,
    id: device,
    data: { device, job: name, why: step.why, launch: step.generation },
  })
  actor.log.info({ run, device, job: name, why: step.why }, `allocation ${verb}`)
}

function submitFailed(tools: AllocationTools, allocation: Allocation, error: unknown): void {
  const { code, message, facts } =
    error instanceof QubusError ? error : new QubusError('INTERNAL', String(error))
  // The breaker's word is no failure of this allocation: it waits until the scheduler is asked again.
  const count = allocation.failedSubmits.count + (facts.breaker === 'open' ? 0 : 1)
  allocation.failedSubmits = {
    count,
    lastAt: Date.now(),
    reason: message,
    final: code === 'ALLOCATION_REFUSED',
  }
  tellWaiting(tools, allocation, message)
}

async function announce(
  tools: AllocationTools,
  allocation: Allocation,
  step: Extract<AllocationStep, { do: 'record-ready' }>,
): Promise<void> {
  const { actor, publisher, registry } = tools
  const { command } = allocation.lease
  const entry = registry.vqpus.get(command.device)
  if (entry === undefined || (step.job !== undefined && entry.job !== step.job.name)) {
    allocation.readyJobs.delete(step.job?.name ?? '')
    return
  }
  const creation = await recordReady(actor, publisher, command, entry)
  if (creation === 'stored') {
    const { id, engine, engineVersion, host, pid, job } = entry
    actor.emit({
      noun: 'allocation',
      verb: 'ready',
      run: command.run,
      id,
      data: { device: id, engine, engineVersion, host, pid, job },
    })
  }
}

/** Says why nothing happens, when that is news. */
export function tellWaiting({ actor }: AllocationTools, allocation: Allocation, why: string): void {
  if (allocation.waitingFor === why) return
  allocation.waitingFor = why
  const { run, device } = allocation.lease.command
  actor.emit({ noun: 'allocation', verb: 'waiting', run, id: device, data: { device, why } })
}

function poolOf({ cluster }: AllocationTools, { pool }: Lease): Pool {
  const found = cluster.pools.get(pool)
  if (found === undefined)
    throw new QubusError('UNKNOWN_POOL', `the cluster file has no pool ${JSON.stringify(pool)}`)
  return found
}
