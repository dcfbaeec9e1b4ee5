/** The faults of one round, made from its seed: what happens to whom, when, and for how long. */
import type { Chance } from './chance.ts'

export const ACTORS = ['coordinator', 'worker', 'vqpu', 'allocator', 'submitter', 'results'] as const
export type ActorKind = (typeof ACTORS)[number]

/** Who is cut off from the broker: all actors of a kind, all, or result storage from Postgres. */
export type Line = ActorKind | 'all' | 'postgres'

export type Fault = { at: number } & (
  | { fault: 'kill'; victim: ActorKind; which: number }
  /** SIGSTOP, then SIGCONT: shorter or longer than leases last. */
  | { fault: 'pause' | 'freeze'; victim: ActorKind; which: number; forMs: number }
  | { fault: 'broker' | 'postgres' | 'supervisor' }
  /** Connections are reset, and none is let through for a while. */
  | { fault: 'cut'; line: Line; forMs: number }
  | { fault: 'delay'; line: Line; forMs: number; delayMs: number }
  | { fault: 'throttle'; line: Line; forMs: number; bytesPerSecond: number }
  /** Nothing passes, and nobody is told. */
  | { fault: 'stall'; line: Line; forMs: number }
  | { fault: 'disk'; forMs: number }
  | { fault: 'clock'; forMs: number; seconds: number }
)
export type FaultKind = Fault['fault']

const WEIGHTS: Record<FaultKind, number> = {
  kill: 10,
  pause: 3,
  freeze: 1,
  broker: 3,
  postgres: 2,
  supervisor: 1,
  cut: 3,
  delay: 2,
  throttle: 1,
  stall: 2,
  disk: 1,
  clock: 2,
}
export const FAULTS = Object.keys(WEIGHTS) as FaultKind[]

const LAST_AT_MS = 6_000

/** @param possible the kinds that can be made here. */
export function planFaults(chance: Chance, possible: ReadonlySet<FaultKind>): Fault[] {
  if (possible.size === 0) return []
  const weights = Object.fromEntries(
    FAULTS.filter((kind) => possible.has(kind)).map((kind) => [kind, WEIGHTS[kind]]),
  )
  return Array.from({ length: chance.integer(1, 4) }, () => someFault(chance, weights)).sort(
    (a, b) => a.at - b.at,
  )
}

function someFault(chance: Chance, weights: Partial<Record<FaultKind, number>>): Fault {
  const fault = chance.weighed<FaultKind>(weights)
  const at = Math.floor(chance.between(300, LAST_AT_MS))
  const one = () => ({
    victim: chance.weighed<ActorKind>({
      coordinator: 4,
      worker: 4,
      vqpu: 3,
      allocator: 2,
      submitter: 2,
      results: 2,
    }),
    which: chance.integer(0, 5),
  })
  const lasting = (least: number, most: number) => ({ forMs: Math.floor(chance.between(least, most)) })
  const line = () => ({ line: chance.pick<Line>([...ACTORS, 'all', 'postgres']) })
  switch (fault) {
    case 'kill':
      return { fault, at, ...one() }
    case 'pause':
      return { fault, at, ...one(), ...lasting(200, 3_000) }
    case 'freeze':
      return { fault, at, ...one(), ...lasting(11_000, 14_000) }
    case 'cut':
      return { fault, at, ...line(), ...lasting(0, 2_000) }
    case 'delay':
      return { fault, at, ...line(), ...lasting(1_000, 4_000), delayMs: chance.integer(20, 400) }
    case 'throttle':
      return {
        fault,
        at,
        ...line(),
        ...lasting(1_000, 4_000),
        bytesPerSecond: chance.integer(20_000, 400_000),
      }
    case 'stall':
      return {
        fault,
        at,
        ...line(),
        ...(chance.next() < 0.2 ? lasting(11_000, 13_000) : lasting(200, 4_000)),
      }
    case 'disk':
      return { fault, at, ...lasting(300, 4_000) }
    case 'clock':
      return {
        fault,
        at,
        ...lasting(1_000, 5_000),
        seconds: Math.floor(chance.between(5, 7_200)) * (chance.next() < 0.5 ? -1 : 1),
      }
    default:
      return { fault, at }
  }
}

/** Such as `kill worker` or `stall all 3.2 s`. */
export function faultText(fault: Fault): string {
  const whom = 'victim' in fault ? ` ${fault.victim}` : 'line' in fault ? ` ${fault.line}` : ''
  const how = 'seconds' in fault ? ` ${fault.seconds > 0 ? '+' : ''}${fault.seconds} s` : ''
  const time = 'forMs' in fault ? ` for ${(fault.forMs / 1000).toFixed(1)} s` : ''
  return `${fault.fault}${whom}${how}${time}`
}
