/** What the fusing pass leaves: gates on wires, and the points where a qubit is looked at. */
import type { PairBlock } from './pair-block.ts'
import type { Matrix } from './small-matrix.ts'

/** Bits of a classical register that must have these values. */
export type ConditionBits = { clbits: number[]; expected: number[] }

export type ControlledItem = { kind: 'controlled'; controls: number[]; target: number; matrix: Matrix }
export type ExchangeItem = { kind: 'exchange'; controls: number[]; from: number; to: number }
export type PhaseItem = { kind: 'phase'; wire: number; re: number; im: number }
export type GateItem = PairBlock | ControlledItem | ExchangeItem | PhaseItem
export type MeasureItem = { kind: 'measure'; wire: number; clbit: number }
export type ResetItem = { kind: 'reset'; wire: number }
export type IfItem = { kind: 'if'; condition: ConditionBits; items: Item[] }
export type Item = GateItem | MeasureItem | ResetItem | IfItem

export function wiresOf(item: Item): number[] {
  switch (item.kind) {
    case 'pair':
      return [item.a, item.b]
    case 'controlled':
      return [...item.controls, item.target]
    case 'exchange':
      return [...item.controls, item.from, item.to]
    case 'if':
      return item.items.flatMap(wiresOf)
    default:
      return [item.wire]
  }
}
