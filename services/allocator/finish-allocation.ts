/** The end of an allocation: its host drained and ended, its queue removed, the failure recorded, its files forgotten. */
import { setTimeout as pause } from 'node:timers/promises'
import { deleteConsumer } from '#shared/bus/consumers.ts'
import { CONSUMER, STREAM } from '#shared/contract/streams.ts'
import { subject } from '#shared/contract/subjects.ts'
import { encode } from '#shared/wire/message.ts'
import type { Allocation, AllocationTools } from './allocation.ts'
import { recordFailure } from './allocation-records.ts'
import type { AllocationStep } from './allocation-step.ts'
import { inSeries } from './job-name.ts'
import type { Job } from './scheduler.ts'

/** The host's circuits are pointless, or handed back, when an allocation ends: it needs no long time for farewells. */
const GRACE_SECONDS = 5
const DRAIN_REPLY_MS = 500
const DRAIN_MS = 1_000
const TAIL_BYTES = 4_000

/** Each part may have been done before, by whoever held the lease then. False when it could not be brought to its end here. */
export async function finishAllocation(
  tools: AllocationTools,
  allocation: Allocation,
  step: Extract<AllocationStep, { do: 'finish' }>,
): Promise<boolean> {
  const { actor, scheduler, board, publisher, registry } = tools
  const { command } = allocation.lease
  const { run, device } = command
  const jobs = inSeries(allocation.series, board.jobs).map(({ job }) => job)
  await Promise.all(jobs.filter(({ state }) => state !== 'ended').map((job) => endJob(tools, device, job)))
  if (allocation.gone || actor.stopping.aborted) return false
  const failure = step.failure
  const logTail = failure?.job === undefined ? '' : await scheduler.tail(failure.job.id, TAIL_BYTES)
  // Before the record: whoever reads it may ask for the same device at once, and needs its queue.
  const livesOn = registry.vqpus.get(device)?.job
  const elsewhere =
    livesOn !== undefined &&
    board.find(livesOn)?.state === 'running' &&
    !jobs.some(({ name }) => name === livesOn)
  if (!elsewhere) await deleteConsumer(actor.bus.nc, STREAM.circuits, CONSUMER.circuits(device))
  if (failure !== undefined)
    await recordFailure(actor, publisher, command, {
      code: failure.code,
      why: step.why,
      job: failure.job,
      logTail,
    })
  await board.refresh()
  for (const job of jobs) await scheduler.forget(job.id)
  await board.refresh()
  actor.emit({
    noun: 'allocation',
    verb: 'ended',
    run,
    id: device,
    data: { device, why: step.why, failed: failure !== undefined },
  })
  actor.log.info({ run, device, why: step.why }, 'allocation ended')
  return true
}

async function endJob(
  { actor, board, scheduler, registry }: AllocationTools,
  device: string,
  job: Job,
): Promise<void> {
  if (registry.vqpus.get(device)?.job === job.name && registry.vqpus.get(device)?.state === 'ready') {
    await actor.bus.nc
      .request(subject.command(device, 'drain'), encode({}), { timeout: DRAIN_REPLY_MS })
      .catch(() => {})
    // A second request to end would be taken for impatience, so the first one gets a moment.
    for (const until = performance.now() + DRAIN_MS; performance.now() < until; await pause(25)) {
      if (board.find(job.name)?.state !== 'running') break
    }
  }
  await scheduler.cancel(job.id, { graceSeconds: GRACE_SECONDS, signal: actor.stopping })
}
