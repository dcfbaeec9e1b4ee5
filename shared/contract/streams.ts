/** Names of everything that the broker keeps. Their configuration is in shared/bus/streams.ts. */
import { PLAIN_SHAPE } from './shape.ts'

export const STREAM = {
  flows: 'FLOWS',
  runs: 'RUNS',
  tasks: 'TASKS',
  submissions: 'SUBMISSIONS',
  circuits: 'CIRCUITS',
  allocations: 'ALLOCATIONS',
  permits: 'PERMITS',
  signals: 'SIGNALS',
  logs: 'LOGS',
  events: 'EVENTS',
  dead: 'DEAD',
  cache: 'CACHE',
  catalog: 'CATALOG',
  schedules: 'SCHEDULES',
} as const

export type StreamName = (typeof STREAM)[keyof typeof STREAM]

/** Streams of commands that whoever gave them gives again: the broker may lose the last ones when it is killed. */
export const UNSYNCED: ReadonlySet<string> = new Set([STREAM.tasks, STREAM.submissions, STREAM.permits])

/** Key-value bucket of what is alive: actors, vQPUs, devices. */
export const REGISTRY_BUCKET = 'registry'

/** Object store of values above {@link INLINE_LIMIT}, bundles and large artifacts, named by their SHA-256. */
export const BLOB_BUCKET = 'blobs'

/** Bytes up to which a value travels inside its message; above it, as a reference to a blob. */
export const INLINE_LIMIT = 256 * 1024

/** No consumer holds more than this un-acked: above about 1,024 the broker stops redelivering while acks flow. */
export const MAX_ACK_PENDING = 1000

/** Durable consumers, named after who pulls from them. */
export const CONSUMER = {
  /** One a shard of flow requests: 16 × 1,000 active runs; and as many for sub-flows. */
  flows: (shard: number): string => `flows-${shard}`,
  childFlows: (shard: number): string => `children-${shard}`,
  tasks: (pool: string, shape: string = PLAIN_SHAPE): string =>
    shape === PLAIN_SHAPE ? `pool-${pool}` : `pool-${pool}${SHAPE_MARK}${shape}`,
  /** A global limit is this consumer: what it may hold un-acked is the number of places. */
  limit: (name: string): string => `limit-${name}`,
  ticks: 'schedulers',
  submissions: 'submitters',
  circuits: (device: string): string => `device-${device}`,
  allocations: (pool: string): string => `pool-${pool}`,
} as const

// No pool's name has it, so a queue of another shape is told from another pool's queue.
const SHAPE_MARK = '@'

/** The shape that a consumer of tasks of `pool` is for; undefined for another pool's. */
export function shapeOfConsumer(pool: string, consumer: string): string | undefined {
  if (consumer === CONSUMER.tasks(pool)) return PLAIN_SHAPE
  const prefix = `pool-${pool}${SHAPE_MARK}`
  return consumer.startsWith(prefix) ? consumer.slice(prefix.length) : undefined
}

/** The pool and shape that a consumer of tasks is for. */
export function queueOfConsumer(consumer: string): { pool: string; shape: string } | undefined {
  const [, pool, shape = PLAIN_SHAPE] =
    new RegExp(`^pool-([^${SHAPE_MARK}]+)(?:${SHAPE_MARK}(.+))?$`).exec(consumer) ?? []
  return pool === undefined ? undefined : { pool, shape }
}

/**
 * How long a command may stay un-acked without a sign of life before it goes to somebody else, in seconds.
 * Whoever holds one says `working()` every third of it.
 */
export const ACK_WAIT_SECONDS = 10
export const WORKING_INTERVAL_SECONDS = 3

/** A registry entry is gone this long after its last heartbeat (three heartbeats). */
export const HEARTBEAT_SECONDS = 3
export const REGISTRY_TTL_SECONDS = 10
