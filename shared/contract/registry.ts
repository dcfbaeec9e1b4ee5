/** What is alive: entries that their owners renew with every heartbeat. Keys: `actor.<id>`, `vqpu.<device>`. */
import { z } from 'zod'

export const ActorName = z.enum(['coordinator', 'allocator', 'worker', 'submitter', 'vqpu', 'results'])
export type ActorName = z.infer<typeof ActorName>

export const ActorState = z.enum(['starting', 'ready', 'draining', 'ended'])
export type ActorState = z.infer<typeof ActorState>

/** What a worker can run at once. */
export const Capacity = z.object({
  cores: z.number().int().nonnegative(),
  memoryMiB: z.number().int().nonnegative(),
  gpus: z.number().int().nonnegative(),
})
export type Capacity = z.infer<typeof Capacity>

const Demand = z.record(z.string(), z.number().int().nonnegative())

export const ActorEntry = z.object({
  name: ActorName,
  id: z.string(),
  pid: z.number().int(),
  host: z.string(),
  state: ActorState,
  job: z.string().optional(),
  pools: z.array(z.string()).optional(),
  /** Of a worker. */
  capacity: Capacity.optional(),
  /** Of a coordinator: steps that wait in it until their queue has room, by pool (tasks) or device (circuits). */
  demand: z.object({ tasks: Demand, circuits: Demand }).optional(),
  /** Why it takes nothing new, although it is ready. */
  paused: z.string().optional(),
  startedAt: z.number(),
  version: z.string(),
})
export type ActorEntry = z.infer<typeof ActorEntry>

/** A vQPU: its state, and what it can run. */
export const VqpuEntry = z.object({
  id: z.string(),
  engine: z.string(),
  engineVersion: z.string(),
  state: ActorState,
  /** Why it is draining or ended. */
  why: z.string().optional(),
  actor: z.string(),
  host: z.string(),
  pid: z.number().int(),
  job: z.string().optional(),
  /** The run that it belongs to; none when shared. */
  run: z.string().optional(),
  /** In a pool it takes circuits that ask for `vqpu` or `any`. */
  pool: z.string().optional(),
  maxQubits: z.number().int(),
  methods: z.array(z.string()),
  /** Names of the gates it can run, or every gate. */
  gates: z.union([z.literal('any'), z.array(z.string())]),
  languages: z.array(z.string()),
  queued: z.number().int(),
  running: z.number().int(),
  done: z.number().int(),
  startedAt: z.number(),
  /** Unix milliseconds at which its walltime is over. */
  endsAt: z.number().optional(),
})
export type VqpuEntry = z.infer<typeof VqpuEntry>

export const registryKey = {
  actor: (id: string) => `actor.${id}`,
  vqpu: (device: string) => `vqpu.${device}`,
} as const
