/** Gives wires their bits in the state and turns items into steps. */

import type { KernelStep } from '../kernel/apply-step.ts'
import type { FusedCircuit } from './fuse-circuit.ts'
import { type GateItem, type Item, wiresOf } from './items.ts'
import { mergePhases } from './merge-phases.ts'
import { stepsOfBlock } from './pair-block.ts'
import type { Program, Step } from './program.ts'

/**
 * A wire gets the next bit when something first happens to it, so the first gates of a circuit run on a small state and
 * idle qubits cost nothing.
 */
export function layOut({ items, sampled }: FusedCircuit, clbits: number): Program {
  const masks = new Map<number, number>()
  const steps: Step[] = []
  let gates: KernelStep[] = []
  const endGates = () => {
    for (const step of mergePhases(gates)) steps.push(step)
    gates = []
  }
  for (const item of visibleItems(items, new Set(sampled.values()))) {
    if (!isGate(item) || wiresOf(item).some((wire) => !masks.has(wire))) endGates()
    grow(steps, masks, item)
    if (isGate(item)) gates.push(...gateSteps(masks, item))
    else push(steps, masks, item)
  }
  endGates()
  return {
    steps,
    qubits: masks.size,
    size: 2 ** masks.size,
    sampled: [...sampled].map(([clbit, wire]) => ({ clbit, mask: masks.get(wire) ?? 0 })),
    clbits,
  }
}

const isGate = (item: Item): item is GateItem => !['measure', 'reset', 'if'].includes(item.kind)

/** Drops what nobody can see: gates after which no touched wire is measured or meets one that is. */
function visibleItems(items: readonly Item[], watched: Set<number>): Item[] {
  const visible: Item[] = []
  for (let index = items.length - 1; index >= 0; index--) {
    const item = items[index]!
    const wires = wiresOf(item)
    if (isGate(item) && !wires.some((wire) => watched.has(wire))) continue
    for (const wire of wires) watched.add(wire)
    visible.push(item)
  }
  return visible.reverse()
}

function grow(steps: Step[], masks: Map<number, number>, item: Item): void {
  // Looking at an untouched wire, or resetting it, needs no bit for it.
  if (item.kind === 'measure' || item.kind === 'reset') return
  const before = masks.size
  for (const wire of wiresOf(item)) if (!masks.has(wire)) masks.set(wire, 2 ** masks.size)
  if (masks.size > before) steps.push({ kind: 'grow', size: 2 ** masks.size })
}

function push(steps: Step[], masks: ReadonlyMap<number, number>, item: Item): void {
  switch (item.kind) {
    case 'measure':
      steps.push({ kind: 'measure', mask: masks.get(item.wire) ?? 0, clbit: item.clbit })
      return
    case 'reset':
      steps.push({ kind: 'reset', mask: masks.get(item.wire) ?? 0 })
      return
    case 'if': {
      const skip = { kind: 'skip' as const, ...item.condition, to: 0 }
      steps.push(skip)
      for (const inner of item.items) push(steps, masks, inner)
      skip.to = steps.length
      return
    }
    default:
      steps.push(...gateSteps(masks, item))
  }
}

function gateSteps(masks: ReadonlyMap<number, number>, item: GateItem): KernelStep[] {
  const mask = (wire: number) => masks.get(wire)!
  const allOf = (wires: readonly number[]) => wires.reduce((sum, wire) => sum | mask(wire), 0)
  switch (item.kind) {
    case 'pair':
      return stepsOfBlock(item, mask(item.a), mask(item.b))
    case 'phase':
      return [{ kind: 'phase', mask: mask(item.wire), re: item.re, im: item.im }]
    case 'controlled':
      return [controlledStep(allOf(item.controls), mask(item.target), item.matrix)]
    case 'exchange':
      return [{ kind: 'exchange', controls: allOf(item.controls), from: mask(item.from), to: mask(item.to) }]
  }
}

function controlledStep(controls: number, target: number, m: Float64Array): KernelStep {
  const isX =
    m[0] === 0 &&
    m[1] === 0 &&
    m[2] === 1 &&
    m[3] === 0 &&
    m[4] === 1 &&
    m[5] === 0 &&
    m[6] === 0 &&
    m[7] === 0
  return isX
    ? { kind: 'exchange', controls, from: 0, to: target }
    : { kind: 'controlled', controls, target, matrix: m }
}
