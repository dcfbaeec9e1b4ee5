/** The system at a glance: who is alive, which jobs there are, and what waits. */
import { createInbox } from '@nats-io/transport-node'
import { z } from 'zod'
import { type Backlog, backlogOf } from '../bus/consumers.ts'
import { readRegistry } from '../bus/registry.ts'
import { SHARDS } from '../contract/ids.ts'
import type { ActorEntry, VqpuEntry } from '../contract/registry.ts'
import { CONSUMER, STREAM, type StreamName } from '../contract/streams.ts'
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
  /** By stream, or stream and pool or device: what is not taken yet, and what is in somebody's hands. */
  queues: Record<string, Backlog>
}

export async function readStatus(session: Session): Promise<SystemStatus> {
  const { actors, vqpus } = await readRegistry(session.bus.nc)
  const order = (a: { id: string }, b: { id: string }) => a.id.localeCompare(b.id, 'en', { numeric: true })
  const pools = new Set([
    'generic',
    'cpu',
    'gpu',
    ...[...actors.values()].flatMap((actor) => actor.pools ?? []),
  ])
  const [jobs, queues] = await Promise.all([
    readJobs(session),
    readQueues(session, [...pools], [...vqpus.keys()]),
  ])
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

async function readQueues(
  session: Session,
  pools: string[],
  devices: string[],
): Promise<Record<string, Backlog>> {
  const named: Array<[name: string, StreamName, consumer: string]> = [
    ...pools.map((pool): [string, StreamName, string] => [
      `tasks ${pool}`,
      STREAM.tasks,
      CONSUMER.tasks(pool),
    ]),
    ['submissions', STREAM.submissions, CONSUMER.submissions],
    ...['pool-vqpu', ...devices].map((device): [string, StreamName, string] => [
      `circuits ${device}`,
      STREAM.circuits,
      CONSUMER.circuits(device),
    ]),
    ['allocations vqpu', STREAM.allocations, CONSUMER.allocations('vqpu')],
  ]
  const queues: Record<string, Backlog> = { flows: await flowBacklog(session) }
  const found = await Promise.all(named.map(([, stream, consumer]) => look(session, stream, consumer)))
  named.forEach(([name], i) => {
    const backlog = found[i]
    if (backlog) queues[name] = backlog
  })
  return queues
}

async function flowBacklog(session: Session): Promise<Backlog> {
  const shards = await Promise.all(
    Array.from({ length: SHARDS }, (_, shard) => look(session, STREAM.flows, CONSUMER.flows(shard))),
  )
  return shards.reduce<Backlog>(
    (sum, each) => ({
      waiting: sum.waiting + (each?.waiting ?? 0),
      running: sum.running + (each?.running ?? 0),
    }),
    { waiting: 0, running: 0 },
  )
}

function look(session: Session, stream: StreamName, consumer: string): Promise<Backlog | undefined> {
  return backlogOf(session.bus.nc, stream, consumer).catch(() => undefined)
}
