/** What the runs of one coordinator share. */
import type { Actor } from '#shared/actor/actor.ts'
import type { BundleCache } from '#shared/bundle/bundle-cache.ts'
import type { Publisher } from '#shared/bus/publisher.ts'
import type { FlowThreads } from './thread/flow-threads.ts'

export type CoordinatorContext = {
  actor: Actor
  threads: FlowThreads
  bundles: BundleCache
  /** One publisher a stream: what all runs have to say goes out together. */
  runs: Publisher
  tasks: Publisher
  submissions: Publisher
  allocations: Publisher
  requests: Publisher
  logs: Publisher
  /** False when this coordinator was frozen past its lease: whatever it holds belongs to somebody else now. */
  leaseHolds(): boolean
}
