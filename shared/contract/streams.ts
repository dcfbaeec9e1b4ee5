/** Names of everything that the broker keeps. Their configuration is in shared/bus/streams.ts. */
export const STREAM = {
  flows: 'FLOWS',
  runs: 'RUNS',
  tasks: 'TASKS',
  submissions: 'SUBMISSIONS',
  circuits: 'CIRCUITS',
  allocations: 'ALLOCATIONS',
  signals: 'SIGNALS',
  logs: 'LOGS',
  events: 'EVENTS',
  dead: 'DEAD',
} as const

export type StreamName = (typeof STREAM)[keyof typeof STREAM]

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
  /** One a shard of flow requests: 16 × 1,000 active runs. */
  flows: (shard: number): string => `flows-${shard}`,
  tasks: (pool: string): string => `pool-${pool}`,
  submissions: 'submitters',
  circuits: (device: string): string => `device-${device}`,
  allocations: (pool: string): string => `pool-${pool}`,
} as const

/**
 * How long a command may stay un-acked without a sign of life before it goes to somebody else, in seconds.
 * Whoever holds one says `working()` every third of it.
 */
export const ACK_WAIT_SECONDS = 10
export const WORKING_INTERVAL_SECONDS = 3

/** A registry entry is gone this long after its last heartbeat (three heartbeats). */
export const HEARTBEAT_SECONDS = 3
export const REGISTRY_TTL_SECONDS = 10
