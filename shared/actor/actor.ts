/** What every actor is given: its identity, the bus, and the ways to speak. */
import type { Logger } from 'pino'
import type { Blobs } from '../bus/blobs.ts'
import type { Bus } from '../bus/connect.ts'
import type { EmitEvent } from '../bus/events.ts'
import type { Publisher, PublisherOptions } from '../bus/publisher.ts'
import type { Environment } from '../config/environment.ts'
import type { ActorEntry, ActorName } from '../contract/registry.ts'
import type { BuryLetter } from './dead-letters.ts'

export type Actor = {
  readonly name: ActorName
  readonly id: string
  readonly host: string
  readonly job: string | undefined
  readonly environment: Environment
  readonly bus: Bus
  readonly blobs: Blobs
  readonly log: Logger
  readonly emit: EmitEvent
  /** Renews the registry entry at once: something that others go by has changed. */
  beat(): void
  /** A publisher of its own; closed when the actor ends. */
  publisher(options: PublisherOptions): Publisher
  /** Gives a message up: a dead letter with the error. Resolves when it is on disk. */
  bury: BuryLetter
  /** Aborted when the actor is to take no more work. */
  readonly stopping: AbortSignal
  /** Asks for an orderly end, as SIGTERM does. */
  stop(why: string): void
}

/** What an actor's start gives back to the runtime. */
export type Running = {
  /** Finishes, or hands back, what is in hand; after `deadline` is aborted it must return at once. */
  drain(deadline: AbortSignal): Promise<void>
  /** Shown in the registry with the actor's own entry. */
  pools?: string[]
  /** What else the entry says; asked for at every heartbeat. */
  facts?(): Facts
}

export type Facts = Partial<Pick<ActorEntry, 'capacity' | 'demand' | 'paused'>>
