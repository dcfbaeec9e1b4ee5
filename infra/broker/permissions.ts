/**
 * Who may say and hear what on the broker: one table. Guard rails, not walls: whoever may create a consumer can make
 * the server write anywhere, so those who only watch, and everything near task code, may not.
 */
import { BLOB_BUCKET, REGISTRY_BUCKET, STREAM, type StreamName } from '#shared/contract/streams.ts'
import { filter, record, subject } from '#shared/contract/subjects.ts'

export const BROKER_USERS = [
  'admin',
  'coordinator',
  'allocator',
  'worker',
  'submitter',
  'vqpu',
  'results',
  'client',
  'viewer',
] as const
export type BrokerUser = (typeof BROKER_USERS)[number]

export type Permissions = {
  publish: string[]
  subscribe: string[]
  /** May answer a request, wherever the asker wants the answer. */
  answers: boolean
}

const { flows, runs, tasks, submissions, circuits, allocations, permits } = STREAM
const { signals, logs, events, dead, cache, catalog, schedules } = STREAM
const COMMANDS = [tasks, submissions, circuits, allocations, permits] as const
const ALL: readonly StreamName[] = Object.values(STREAM)

const api = (call: string) => `$JS.API.${call}`
const REGISTRY = `KV_${REGISTRY_BUCKET}`
const BLOBS = `OBJ_${BLOB_BUCKET}`

/** Reads by subject or sequence, without a consumer. */
const read = (...streams: string[]) =>
  streams.flatMap((stream) => [api(`DIRECT.GET.${stream}`), api(`DIRECT.GET.${stream}.>`)])
/** Takes from consumers that somebody else made. */
const pull = (...streams: string[]) =>
  streams.flatMap((stream) => [
    api(`CONSUMER.INFO.${stream}.*`),
    api(`CONSUMER.MSG.NEXT.${stream}.*`),
    `$JS.ACK.${stream}.>`,
  ])
/** Makes and removes consumers; the bare form is what the client sends for several filters. */
const consume = (...streams: string[]) =>
  streams.flatMap((stream) => [
    api(`STREAM.INFO.${stream}`),
    api(`CONSUMER.CREATE.${stream}`),
    api(`CONSUMER.CREATE.${stream}.>`),
    api(`CONSUMER.DELETE.${stream}.*`),
    api(`CONSUMER.LIST.${stream}`),
    api(`CONSUMER.NAMES.${stream}`),
    `$JS.FC.${stream}.>`,
    ...pull(stream),
  ])
const purge = (...streams: string[]) => streams.map((stream) => api(`STREAM.PURGE.${stream}`))
const remove = (...streams: string[]) => streams.map((stream) => api(`STREAM.MSG.DELETE.${stream}`))

/** Puts and gets blobs by name; none can be listed or deleted this way. */
const blobs = [
  `$O.${BLOB_BUCKET}.>`,
  api(`STREAM.INFO.${BLOBS}`),
  api(`STREAM.MSG.GET.${BLOBS}`),
  ...read(BLOBS),
]
const anyRun = record('*')
// `record` hashes the id into a shard; any run means any shard.
const anyShard = (subject: string) => subject.replace(/\.run\.\d+\.\*/, '.run.*.*')

/** What every actor of ours may do: live, tell, give up. */
const actor = {
  publish: [
    filter.events,
    filter.logs,
    filter.dead,
    `$KV.${REGISTRY_BUCKET}.>`,
    api(`STREAM.INFO.${REGISTRY}`),
    ...read(REGISTRY, runs, dead),
    ...blobs,
  ],
  subscribe: [filter.controls, filter.commands('*'), `$KV.${REGISTRY_BUCKET}.>`],
}

const TABLE: Record<Exclude<BrokerUser, 'admin'>, { publish: string[]; subscribe: string[] }> = {
  coordinator: {
    publish: [
      ...actor.publish,
      filter.requests,
      filter.flowRequests,
      filter.runs,
      filter.tasks,
      filter.submissions,
      filter.allocations,
      filter.permits,
      filter.signals,
      filter.cache,
      filter.controls,
      subject.queueMade('*'),
      // A flow may drain a vQPU.
      subject.command('*', 'drain'),
      // It makes the queues of shapes that tasks ask for, and looks at those of limits.
      ...consume(flows, runs, signals, tasks, permits, schedules),
      // How full they are: while they nearly are, no new run begins.
      ...COMMANDS.map((stream) => api(`STREAM.INFO.${stream}`)),
      ...read(flows, signals, logs, cache, catalog, schedules, ...COMMANDS),
      // Commands of a cancelled run are taken back.
      ...purge(...COMMANDS),
      ...remove(...COMMANDS),
    ],
    // Who runs what is heard from events.
    subscribe: [...actor.subscribe, filter.inspects, filter.events],
  },
  allocator: {
    publish: [
      ...actor.publish,
      filter.stepRecords,
      // The reserved run whose log holds pool scaling.
      record('system').all,
      filter.allocations,
      filter.commands('*'),
      // It makes the queues that workers and vQPUs take from, and measures them.
      ...consume(runs, ...COMMANDS),
      ...read(...COMMANDS),
    ],
    // The end of a run ends its vQPUs; `status` asks for jobs.
    subscribe: [...actor.subscribe, filter.events, filter.queries],
  },
  worker: {
    publish: [
      ...actor.publish,
      filter.stepRecords,
      ...pull(tasks),
      // Which shapes have queues, and how far the stream is.
      api(`CONSUMER.NAMES.${tasks}`),
      api(`STREAM.INFO.${tasks}`),
    ],
    subscribe: [...actor.subscribe, subject.queueMade('*')],
  },
  submitter: {
    publish: [
      ...actor.publish,
      filter.stepRecords,
      filter.submissions,
      filter.circuits,
      ...consume(runs, submissions, circuits),
      ...read(submissions, circuits),
      ...remove(circuits),
    ],
    subscribe: actor.subscribe,
  },
  vqpu: {
    publish: [...actor.publish, filter.stepRecords, ...pull(circuits)],
    subscribe: actor.subscribe,
  },
  results: {
    publish: [
      ...actor.publish,
      ...consume(...ALL, BLOBS),
      ...read(...ALL),
      ...purge(...ALL, BLOBS),
      ...remove(runs, BLOBS),
      // The id of a run whose log is gone stays taken.
      anyShard(anyRun.retired),
    ],
    subscribe: [...actor.subscribe, filter.queries],
  },
  client: {
    publish: [
      filter.requests,
      anyShard(anyRun.cancel),
      filter.controls,
      filter.signals,
      filter.published,
      filter.schedules,
      filter.inspects,
      filter.queries,
      filter.commands('*'),
      ...blobs,
      ...ALL.flatMap((stream) => [
        api(`STREAM.INFO.${stream}`),
        api(`CONSUMER.INFO.${stream}.*`),
        api(`CONSUMER.LIST.${stream}`),
      ]),
      // A limit is a consumer of permits.
      ...consume(runs, logs, events, dead, permits),
      ...read(REGISTRY, ...ALL),
      // What was published, scheduled or given up can be taken back.
      ...purge(catalog, schedules, signals, dead),
    ],
    subscribe: [filter.events, filter.logs, `$KV.${REGISTRY_BUCKET}.>`],
  },
  viewer: {
    publish: [...read(events)],
    subscribe: [filter.events],
  },
}

const ANSWERING: readonly BrokerUser[] = [
  'coordinator',
  'allocator',
  'worker',
  'submitter',
  'vqpu',
  'results',
]

/** What `user` may publish and subscribe to. */
export function permissionsOf(user: BrokerUser): Permissions {
  if (user === 'admin') return { publish: ['>'], subscribe: ['>'], answers: false }
  const { publish, subscribe } = TABLE[user]
  return {
    publish: [...new Set(publish)],
    subscribe: [`_INBOX_${user}.>`, ...subscribe],
    answers: ANSWERING.includes(user),
  }
}
