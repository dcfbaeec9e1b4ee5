/** Carries out a fault, and takes it back when its time is over. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Fault, FaultKind, Line } from './faults.ts'
import { FAULTS } from './faults.ts'
import { processesOf } from './processes.ts'
import type { TcpProxy, Trouble } from './proxy.ts'
import type { ChaosSystem } from './system.ts'

/** What can't be made here, and why. */
export function impossible(system: Pick<ChaosSystem, 'clock' | 'disk'>): Map<FaultKind, string> {
  const reasons = new Map<FaultKind, string>()
  if (system.clock === undefined) reasons.set('clock', 'there is no libfaketime (apt install libfaketime)')
  if (system.disk === undefined) reasons.set('disk', 'a small file system can only be mounted by root')
  return reasons
}

export function possibleFaults(reasons: Map<FaultKind, string>, only?: FaultKind): Set<FaultKind> {
  return new Set(FAULTS.filter((kind) => !reasons.has(kind) && (only === undefined || kind === only)))
}

/** Resolves when it is over. @returns whether there was somebody to whom it happened. */
export async function inflict(fault: Fault, system: ChaosSystem): Promise<boolean> {
  switch (fault.fault) {
    case 'kill':
      return signal(pick(fault, system), 'SIGKILL')
    case 'pause':
    case 'freeze': {
      const pid = pick(fault, system)
      const stopped = signal(pid, 'SIGSTOP')
      await pause(fault.forMs)
      signal(pid, 'SIGCONT')
      return stopped
    }
    case 'broker':
      return signal(system.broker.keeper.current?.identity.pid, 'SIGKILL')
    case 'postgres':
      return signal(system.postgres.keeper.current?.identity.pid, 'SIGKILL')
    case 'supervisor': {
      const killed = signal(
        processesOf(system.home).find(({ kind }) => kind === 'supervisor')?.pid,
        'SIGKILL',
      )
      await system.up()
      return killed
    }
    case 'cut':
      return trouble(fault, system, { refuse: true })
    case 'delay':
      return trouble(fault, system, { delayMs: fault.delayMs })
    case 'throttle':
      return trouble(fault, system, { bytesPerSecond: fault.bytesPerSecond })
    case 'stall':
      return trouble(fault, system, { stall: true })
    case 'disk':
      await system.disk?.fill()
      await pause(fault.forMs)
      await system.disk?.free()
      return true
    case 'clock':
      await system.clock?.move(fault.seconds)
      await pause(fault.forMs)
      await system.clock?.move(0)
      return true
  }
}

function pick(
  { victim, which }: { victim: string; which: number },
  { home }: ChaosSystem,
): number | undefined {
  const all = processesOf(home).filter(({ kind }) => kind === victim)
  return all[which % all.length]?.pid
}

function signal(pid: number | undefined, name: NodeJS.Signals): boolean {
  if (pid === undefined) return false
  try {
    process.kill(pid, name)
    return true
  } catch {
    // It ended meanwhile.
    return false
  }
}

async function trouble(
  { fault, line, forMs }: { fault: FaultKind; line: Line; forMs: number },
  { toBroker, toPostgres }: ChaosSystem,
  what: Trouble,
): Promise<boolean> {
  const proxy: TcpProxy = line === 'postgres' ? toPostgres : toBroker
  // Actors give the broker their ids, which begin with their kind.
  const matches = (name: string): boolean =>
    line === 'all' || line === 'postgres' || name.startsWith(`${line}-`)
  const end = proxy.trouble(matches, what)
  if (fault === 'cut') proxy.cut(matches)
  await pause(forMs)
  end()
  return true
}
