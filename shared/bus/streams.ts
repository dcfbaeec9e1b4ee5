/** The streams, as `qubus up` (their one owner) makes or updates them. Making them again changes nothing. */
import { jetstreamManager, RetentionPolicy, StorageType, type StreamConfig } from '@nats-io/jetstream'
import { Objm } from '@nats-io/obj'
import { type NatsConnection, nanos } from '@nats-io/transport-node'
import { BLOB_BUCKET, REGISTRY_BUCKET, REGISTRY_TTL_SECONDS, STREAM } from '../contract/streams.ts'
import { filter } from '../contract/subjects.ts'

const DAY = 24 * 3600 * 1000
const GIB = 1024 ** 3

type Wanted = Partial<StreamConfig> & { name: string; subjects: string[] }

/** Of blobs, beside what the streams take. */
const BLOBS_SHARE = 0.5

/** Refuses new messages when full: back-pressure, not loss. */
const KEPT = { retention: RetentionPolicy.Limits, discard: 'new', allow_direct: true }
const COMMANDS = { ...KEPT, allow_atomic: true }
/**
 * Commands that their coordinator sends again when the broker has lost them: the log alone is the truth. So they need no
 * sync of the disk, which makes one a quarter of the work (5 us of the broker's time against 20, measured). The stream
 * itself keeps a subject to its first message, so that they need no headers either.
 */
const REPEATED = {
  ...KEPT,
  persist_mode: 'async',
  max_msgs_per_subject: 1,
  discard_new_per_subject: true,
}
/** The last message on a subject is its state. */
const STATE = {
  retention: RetentionPolicy.Limits,
  discard: 'new',
  max_msgs_per_subject: 1,
  allow_direct: true,
}

/** @param share bytes that `part` of the whole budget comes to. */
const wantedStreams = (share: (part: number) => number) => [
  {
    name: STREAM.flows,
    subjects: [filter.requests, filter.flowRequests],
    retention: RetentionPolicy.Workqueue,
    discard: 'new',
    allow_direct: true,
    allow_atomic: true,
    max_bytes: share(0.02),
    subject_transform: { src: filter.requests, dest: filter.flowMapping },
    republish: { src: filter.flowRequests, dest: filter.runQueuedMapping, headers_only: true },
  },
  {
    name: STREAM.runs,
    subjects: [filter.runs],
    ...COMMANDS,
    max_bytes: share(0.4),
    republish: { src: filter.stepRecords, dest: filter.stepRecordedMapping, headers_only: true },
  },
  { name: STREAM.tasks, subjects: [filter.tasks], ...REPEATED, max_bytes: share(0.1) },
  { name: STREAM.submissions, subjects: [filter.submissions], ...REPEATED, max_bytes: share(0.06) },
  { name: STREAM.permits, subjects: [filter.permits], ...REPEATED, max_bytes: share(0.02) },
  { name: STREAM.circuits, subjects: [filter.circuits], ...COMMANDS, max_bytes: share(0.08) },
  { name: STREAM.allocations, subjects: [filter.allocations], ...COMMANDS, max_bytes: share(0.02) },
  { name: STREAM.signals, subjects: [filter.signals], ...STATE, max_bytes: share(0.02) },
  { name: STREAM.catalog, subjects: [filter.published], ...STATE, max_bytes: share(0.005) },
  {
    name: STREAM.cache,
    subjects: [filter.cache],
    ...STATE,
    discard: 'old',
    allow_msg_ttl: true,
    max_bytes: share(0.04),
  },
  {
    name: STREAM.schedules,
    subjects: [filter.schedules, filter.ticks],
    retention: RetentionPolicy.Limits,
    // The broker takes schedules with no other, and a bound in bytes would push the oldest one out without a word. So
    // ticks are bounded, which are all the rest: they expire, and of each schedule a day is kept at one a minute.
    discard: 'old',
    max_msgs_per_subject: 1440,
    allow_direct: true,
    allow_msg_ttl: true,
    allow_msg_schedules: true,
    allow_rollup_hdrs: true,
  },
  {
    name: STREAM.logs,
    subjects: [filter.logs],
    retention: RetentionPolicy.Limits,
    discard: 'old',
    allow_direct: true,
    max_bytes: share(0.1),
    max_age: nanos(30 * DAY),
    persist_mode: 'async',
  },
  {
    name: STREAM.events,
    subjects: [...filter.storedEvents],
    retention: RetentionPolicy.Limits,
    discard: 'old',
    allow_direct: true,
    max_bytes: share(0.04),
    max_age: nanos(7 * DAY),
    persist_mode: 'async',
  },
  {
    name: STREAM.dead,
    subjects: [filter.dead],
    retention: RetentionPolicy.Limits,
    discard: 'old',
    allow_direct: true,
    max_bytes: share(0.02),
    max_age: nanos(30 * DAY),
  },
  // What the key-value client would make, but with writes that nobody waits for: a heartbeat is worth no fsync.
  {
    name: `KV_${REGISTRY_BUCKET}`,
    subjects: [`$KV.${REGISTRY_BUCKET}.>`],
    retention: RetentionPolicy.Limits,
    discard: 'new',
    max_msgs_per_subject: 1,
    allow_rollup_hdrs: true,
    deny_delete: true,
    allow_direct: true,
    allow_msg_ttl: true,
    subject_delete_marker_ttl: nanos(60_000),
    max_age: nanos(REGISTRY_TTL_SECONDS * 1000),
    persist_mode: 'async',
  },
]

/**
 * Makes what is missing and updates what differs. Needs the `admin` user.
 * @param budgetBytes what all streams together may take of the broker's disk; blobs may take half as much besides.
 */
export async function provisionStreams(nc: NatsConnection, budgetBytes: number = 16 * GIB): Promise<void> {
  const share = (part: number) => Math.max(16 * 1024 ** 2, Math.floor(budgetBytes * part))
  const manager = await jetstreamManager(nc, { checkAPI: false })
  for (const wanted of wantedStreams(share) as unknown as Wanted[]) {
    const config = { storage: StorageType.File, num_replicas: 1, ...wanted } as StreamConfig
    const present = await manager.streams.info(wanted.name).catch(() => undefined)
    if (present !== undefined && !mayBecome(present.config, config)) await manager.streams.delete(wanted.name)
    else if (present !== undefined) {
      await manager.streams.update(wanted.name, config)
      continue
    }
    await manager.streams.add(config)
  }
  // Without a bound of its own it would fill the disk before anybody sees how full it is.
  const bound = { max_bytes: share(BLOBS_SHARE) }
  await new Objm(nc).create(BLOB_BUCKET, { storage: StorageType.File, ...bound })
  await manager.streams.update(`OBJ_${BLOB_BUCKET}`, bound)
}

// How a stream is written can't be changed. Only streams whose messages are sent again ever were (0.1.0 to 0.2.0).
function mayBecome(present: StreamConfig, wanted: StreamConfig): boolean {
  const modeOf = (config: StreamConfig) => (config as { persist_mode?: string }).persist_mode ?? 'default'
  return modeOf(present) === modeOf(wanted)
}
