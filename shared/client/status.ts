/** The system at a glance: who is alive, which jobs there are, and what waits. */
import { createInbox } from '@nats-io/transport-node'
import { z } from 'zod'
import { type Backlog, backlogOf, listConsumers } from '../bus/consumers.ts'
import { readRegistry } from '../bus/registry.ts'
import { SHARDS } from '../contract/ids.ts'
import type { ActorEntry, VqpuEntry } from '../contract/registry.ts'
import { PLAIN_SHAPE } from '../contract/shape.ts'
import { CONSUMER, queueOfConsumer, STREAM, type StreamName } from '../contract/streams.ts'
import { subject } from '../contract/subjects.ts'
import { encode, unpack } from '../wire/message.ts'
import type { Session } from './session.ts'

export const JobView = z.object({
  job: z.string(),
  pool: z.string(),
  state: z.string(),
  reason: z.string().optional(),
  node: z.string().optional(),
})
export type JobView = z.infer<typeof JobView>

export type SystemStatus = {
  actors: ActorEntry[]
  vqpus: VqpuEntry[]
  jobs: JobView[]
  /** By stream, or stream and pool (and shape) or device: what is not taken yet, and what is in somebody's hands. */
  queues: Record<string, Backlog>
}

export async function readStatus(session: Session): Promise<SystemStatus> {
  const { actors, vqpus } = await readRegistry(session.bus.nc)
  const order = (a: { id: string }, b: { id: string }) => a.id.localeCompare(b.id, 'en', { numeric: true })
  const [jobs, queues] = await Promise.all([readJobs(session), readQueues(session, [...vqpus.keys()])])
  return { actors: [...actors.values()].sort(order), vqpus: [...vqpus.values()].sort(order), jobs, queues }
}

const JOBS_MS = 1_000

// Without an allocator there are no jobs to show. Somebody else who answers queries may say that he knows no such one.
function readJobs({ bus }: Session): Promise<JobView[]> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => finish([]), JOBS_MS)
    const inbox = createInbox(
      (bus.nc as unknown as { options: { inboxPrefix?: string } }).options.inboxPrefix,
    )
    const finish = (jobs: JobView[]): void => {
      clearTimeout(timer)
      subscription.unsubscribe()
      resolve(jobs)
    }
    const subscription = bus.nc.subscribe(inbox, {
      callback: (error, message) => {
        if (error) return finish([])
        // No responders: the broker says so with a status and no body.
        if (message.data.length === 0) return finish([])
        const answer = z.object({ jobs: z.array(JobView) }).safeParse(unpack(message.data)).data
        if (answer) finish(answer.jobs)
      },
    })
    bus.nc.publish(subject.query('jobs'), encode({}), { reply: inbox })
  })
}

async function readQueues(session: Session, devices: string[]): Promise<Record<string, Backlog>> {
  const named: Array<[name: string, StreamName, consumer: string]> = [
    ['submissions', STREAM.submissions, CONSUMER.submissions],
    ...['pool-vqpu', ...devices].map((device): [string, StreamName, string] => [
      `circuits ${device}`,
      STREAM.circuits,
      CONSUMER.circuits(device),
    ]),
    ['allocations vqpu', STREAM.allocations, CONSUMER.allocations('vqpu')],
  ]
  const [flows, tasks, ...found] = await Promise.all([
    flowBacklogs(session),
    taskBacklogs(session),
    ...named.map(([, stream, consumer]) => look(session, stream, consumer)),
  ])
  const queues: Record<string, Backlog> = { ...flows, ...tasks }
  named.forEach(([name], i) => {
    const backlog = found[i]
    if (backlog) queues[name] = backlog
  })
  return queues
}

/** Of each pool, and of each shape of its tasks that is not the plain one: `tasks cpu`, `tasks cpu c4m8192`. */
async function taskBacklogs({ bus }: Session): Promise<Record<string, Backlog>> {
  const consumers = await listConsumers(bus.nc, STREAM.tasks).catch(() => [])
  return Object.fromEntries(
    consumers.flatMap(({ name, pending, ackPending }) => {
      const queue = queueOfConsumer(name)
      if (queue === undefined) return []
      const { pool, shape } = queue
      const shown = shape === PLAIN_SHAPE ? `tasks ${pool}` : `tasks ${pool} ${shape}`
      return [[shown, { waiting: pending, running: ackPending }]]
    }),
  )
}

/** Runs, and sub-flows apart from them: each has a queue a shard. */
async function flowBacklogs({ bus }: Session): Promise<Record<string, Backlog>> {
  const consumers = await listConsumers(bus.nc, STREAM.flows).catch(() => [])
  const sumOf = (nameOf: (shard: number) => string): Backlog => {
    const names = new Set(Array.from({ length: SHARDS }, (_, shard) => nameOf(shard)))
    const sum = { waiting: 0, running: 0 }
    for (const { name, pending, ackPending } of consumers) {
      if (!names.has(name)) continue
      sum.waiting += pending
      sum.running += ackPending
    }
    return sum
  }
  return { flows: sumOf(CONSUMER.flows), 'sub-flows': sumOf(CONSUMER.childFlows) }
}

function look(session: Session, stream: StreamName, consumer: string): Promise<Backlog | undefined> {
  return backlogOf(session.bus.nc, stream, consumer).catch(() => undefined)
}
