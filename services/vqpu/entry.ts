/** The device's entry in the registry: what it can run and how busy it is, renewed for as long as it lives. */
import type { Actor } from '#shared/actor/actor.ts'
import { putEntry } from '#shared/bus/registry.ts'
import { type ActorState, registryKey, type VqpuEntry } from '#shared/contract/registry.ts'
import type { HostOptions } from './arguments.ts'
import type { EngineInfo } from './engine/engine.ts'

export type Figures = { queued: number; running: number; done: number }

export type DeviceEntry = {
  readonly state: ActorState
  /** Changes the state, and tells those who watch. */
  say(state: ActorState, why?: string): void
  beat(): void
}

export type EntryFacts = {
  startedAt: number
  endsAt: number | undefined
  info: EngineInfo
  figures(): Figures
}

export function openEntry(actor: Actor, options: HostOptions, facts: EntryFacts): DeviceEntry {
  const { info } = facts
  const fixed = {
    id: options.device,
    engine: options.engine,
    engineVersion: info.version,
    actor: actor.id,
    host: actor.host,
    pid: process.pid,
    ...(actor.job === undefined ? {} : { job: actor.job }),
    ...(options.run === undefined ? {} : { run: options.run }),
    ...(options.pool === undefined ? {} : { pool: options.pool }),
    maxQubits: info.maxQubits,
    methods: [...info.methods],
    gates: info.gates === 'any' ? info.gates : [...info.gates],
    languages: [...info.languages],
    startedAt: facts.startedAt,
    ...(facts.endsAt === undefined ? {} : { endsAt: Math.round(facts.endsAt) }),
  } satisfies Partial<VqpuEntry>
  let state: ActorState = 'starting'
  let why: string | undefined
  const beat = (): void => {
    const entry: VqpuEntry = { ...fixed, ...facts.figures(), state, ...(why === undefined ? {} : { why }) }
    putEntry(actor.bus.nc, registryKey.vqpu(options.device), entry)
  }
  return {
    get state() {
      return state
    },
    say(next, because) {
      state = next
      why = because
      beat()
      const { engine, pool, maxQubits } = { ...fixed, pool: options.pool }
      const data = { engine, pool, maxQubits, host: actor.host, pid: process.pid, job: actor.job, why }
      actor.emit({ noun: 'vqpu', verb: next, run: options.run, id: options.device, data })
    },
    beat,
  }
}
