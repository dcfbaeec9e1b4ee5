/** Where a circuit goes: a pure decision from what it needs and what is alive. */
import type { ErrorCode, ErrorFacts } from '#shared/contract/errors.ts'
import type { VqpuEntry } from '#shared/contract/registry.ts'
import type { CircuitNeeds } from './circuit-needs.ts'
import { type Abilities, listed, matchDevice } from './match-device.ts'

export type Surroundings = {
  run: string
  devices: ReadonlyMap<string, VqpuEntry>
  /** How many circuits a device was sent since it last said how busy it is. */
  sentTo(device: string): number
  pool: string
  /** What a vQPU of the pool will be able to do, when none is there yet. */
  poolAbilities: Abilities
  /** The device that is asked for has a queue, though it gives no sign of life now. */
  expected: boolean
}

export type Refusal = { code: ErrorCode; message: string; facts: ErrorFacts }

/** `chosen`: another submitter, or this one later, might choose otherwise; so the choice is recorded before it is used. */
export type Choice = { device: string; why: string; chosen: boolean } | { refused: Refusal }

export function chooseDevice(wanted: string, needs: CircuitNeeds, around: Surroundings): Choice {
  if (wanted === 'any') return chooseAny(needs, around)
  if (wanted === around.pool) return choosePool(needs, around, 'any vQPU of the pool was asked for', false)
  return useNamed(wanted, needs, around)
}

/** Whether circuits of `run`, or of the run that it belongs to, may use the device. */
export function serves(device: VqpuEntry, run: string): boolean {
  return device.run === undefined || device.run === run || run.startsWith(`${device.run}-`)
}

export function poolQueue(pool: string): string {
  return `pool-${pool}`
}

function useNamed(name: string, needs: CircuitNeeds, around: Surroundings): Choice {
  const device = around.devices.get(name)
  if (device === undefined) {
    if (around.expected) return { device: name, why: 'asked for by name; it is expected back', chosen: false }
    const known = [...around.devices.values()]
      .filter((each) => isUsable(each) && serves(each, around.run))
      .map((each) => each.id)
    return refuse('UNKNOWN_DEVICE', `no device ${JSON.stringify(name)} is known; there is ${listed(known)}`, {
      device: name,
      known,
    })
  }
  if (!serves(device, around.run)) {
    return refuse('UNKNOWN_DEVICE', `the device ${name} belongs to the run ${device.run}`, {
      device: name,
      owner: device.run,
    })
  }
  if (!isUsable(device)) {
    const why = device.why === undefined ? '' : `: ${device.why}`
    const state = device.state === 'ended' ? 'has ended' : 'is draining'
    return refuse('DEVICE_GONE', `the device ${name} ${state}${why}`, { device: name, state: device.state })
  }
  const lacks = matchDevice(needs, name, device)
  if (lacks.length === 0) return { device: name, why: 'asked for by name', chosen: false }
  return refuseFor(lacks, needs, around)
}

function chooseAny(needs: CircuitNeeds, around: Surroundings): Choice {
  const fitting = usable(around).filter(
    (each) => each.state === 'ready' && matchDevice(needs, each.id, each).length === 0,
  )
  const load = (each: VqpuEntry) => each.queued + each.running + around.sentTo(each.id)
  const best = fitting.sort((a, b) => load(a) - load(b) || (a.id < b.id ? -1 : 1))[0]
  if (best === undefined) return choosePool(needs, around, 'no fitting device is ready', true)
  // Whichever member of a pool is free first takes it: better than any guess made now.
  if (best.pool !== undefined) {
    return {
      device: poolQueue(best.pool),
      why: `${best.id} of the pool ${best.pool} is the least busy that fits`,
      chosen: true,
    }
  }
  return {
    device: best.id,
    why: `the least busy of ${fitting.length} that fit, with ${load(best)} circuits`,
    chosen: true,
  }
}

function choosePool(needs: CircuitNeeds, around: Surroundings, why: string, chosen: boolean): Choice {
  const members = usable(around).filter((each) => each.pool === around.pool)
  if (members.some((each) => matchDevice(needs, each.id, each).length === 0)) {
    return { device: poolQueue(around.pool), why, chosen }
  }
  const lacks = matchDevice(needs, `a vQPU of the pool ${around.pool}`, around.poolAbilities)
  if (lacks.length === 0) return { device: poolQueue(around.pool), why, chosen }
  return refuseFor(lacks, needs, around)
}

function refuseFor(lacks: string[], needs: CircuitNeeds, around: Surroundings): Choice {
  const others = usable(around)
    .filter((each) => matchDevice(needs, each.id, each).length === 0)
    .map((each) => each.id)
  const advice = others.length === 0 ? 'no device here would do' : `${listed(others)} would do`
  return refuse('CIRCUIT_UNSUPPORTED', `the circuit ${lacks.join('; it ')}; ${advice}`, { lacks, others })
}

function usable(around: Surroundings): VqpuEntry[] {
  return [...around.devices.values()].filter((each) => isUsable(each) && serves(each, around.run))
}

function isUsable(device: VqpuEntry): boolean {
  return device.state === 'ready' || device.state === 'starting'
}

function refuse(code: ErrorCode, message: string, facts: ErrorFacts): Choice {
  return { refused: { code, message, facts } }
}
