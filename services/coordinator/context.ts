/** What the runs of one coordinator share: everything that they may touch, so that a simulation can put its own in its place. */
import type { BundleCache } from '#shared/bundle/bundle-cache.ts'
import type { Blobs } from '#shared/bus/blobs.ts'
import type { EmitEvent } from '#shared/bus/events.ts'
import type { Draft } from '#shared/bus/publisher.ts'
import type { Clock } from './clock.ts'
import type { Commands } from './commands.ts'
import type { Queues } from './queues/queues.ts'
import type { TaskCache } from './reuse/task-cache.ts'
import type { RunStore } from './run-store.ts'
import type { Signals } from './signals.ts'
import type { PendingStep } from './steps/pending-step.ts'
import type { FlowThreads } from './thread/flow-threads.ts'
import type { Lanes } from './turns/lanes.ts'

export type CoordinatorContext = {
  id: string
  host: string
  warn(facts: Record<string, unknown>, text: string): void
  emit: EmitEvent
  clock: Clock
  store: RunStore
  blobs: Pick<Blobs, 'toPayload' | 'fromPayload'>
  threads: Pick<FlowThreads, 'check' | 'start' | 'send' | 'drop'>
  bundles: BundleCache
  commands: Commands
  queues: Pick<Queues, 'prepare'>
  lanes: Lanes
  signals: Signals
  cache: TaskCache
  /** Writes lines to `LOGS`; nobody waits for it. */
  log(draft: Draft): void
  /** "Look at the log of this run": whoever works for it, or for these steps of it. */
  control(run: string, steps?: number[]): void
  /** Asks a vQPU to end until it has; false when nobody wants it any more. */
  drainDevice(device: string, wanted: () => boolean): Promise<boolean>
  /** Why a step that was commanded is not begun, where that can be said better than "queued". */
  why(step: PendingStep, pool: string): string | undefined
  /** Whether that actor gives signs of life. */
  lives(actor: string): boolean
  /** False when this coordinator was frozen past its lease: whatever it holds belongs to somebody else now. */
  leaseHolds(): boolean
}
