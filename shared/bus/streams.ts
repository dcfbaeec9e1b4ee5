/** The streams, as `qubus up` (their one owner) makes or updates them. Making them again changes nothing. */
import { jetstreamManager, RetentionPolicy, StorageType, type StreamConfig } from '@nats-io/jetstream'
import { Objm } from '@nats-io/obj'
import { type NatsConnection, nanos } from '@nats-io/transport-node'
import { BLOB_BUCKET, REGISTRY_BUCKET, REGISTRY_TTL_SECONDS, STREAM } from '../contract/streams.ts'
import { filter } from '../contract/subjects.ts'

const DAY = 24 * 3600 * 1000
const GIB = 1024 ** 3

type Wanted = Partial<StreamConfig> & { name: string; subjects: string[] }

/** Refuses new messages when full: back-pressure, not loss. */
const COMMANDS = { retention: RetentionPolicy.Limits, discard: 'new', allow_atomic: true, allow_direct: true }

/** @param share bytes that `part` of the whole budget comes to. */
const wantedStreams = (share: (part: number) => number) => [
  {
    name: STREAM.flows,
    subjects: [filter.requests],
    retention: RetentionPolicy.Workqueue,
    discard: 'new',
    allow_direct: true,
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
  { name: STREAM.tasks, subjects: [filter.tasks], ...COMMANDS, max_bytes: share(0.12) },
  { name: STREAM.submissions, subjects: [filter.submissions], ...COMMANDS, max_bytes: share(0.08) },
  { name: STREAM.circuits, subjects: [filter.circuits], ...COMMANDS, max_bytes: share(0.08) },
  { name: STREAM.allocations, subjects: [filter.allocations], ...COMMANDS, max_bytes: share(0.02) },
  {
    name: STREAM.signals,
    subjects: [filter.signals],
    retention: RetentionPolicy.Limits,
    max_msgs_per_subject: 1,
    allow_direct: true,
    max_bytes: share(0.02),
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
 * @param budgetBytes what all streams together may take of the broker's disk; blobs take what is left.
 */
export async function provisionStreams(nc: NatsConnection, budgetBytes: number = 16 * GIB): Promise<void> {
  const share = (part: number) => Math.max(16 * 1024 ** 2, Math.floor(budgetBytes * part))
  const manager = await jetstreamManager(nc, { checkAPI: false })
  for (const wanted of wantedStreams(share) as unknown as Wanted[]) {
    const config = { storage: StorageType.File, num_replicas: 1, ...wanted } as StreamConfig
    const present = await manager.streams.info(wanted.name).catch(() => undefined)
    if (present === undefined) await manager.streams.add(config)
    else await manager.streams.update(wanted.name, config)
  }
  await new Objm(nc).create(BLOB_BUCKET, { storage: StorageType.File })
}
