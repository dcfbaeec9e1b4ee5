/** Takes gates in order and makes few items of many: see the README for the rules. */
import { baseMatrix, type GateOperation, PRIMITIVES } from '#shared/circuit/index.ts'
import type { Item } from './items.ts'
import { extendBlock, isDiagonalBlock, type PairBlock, takePhases, turnPhase } from './pair-block.ts'
import {
  controlledBy,
  exchangeQubits,
  IDENTITY_2,
  IDENTITY_4,
  isDiagonal,
  kron,
  type Matrix,
  multiply,
  permutationOf,
} from './small-matrix.ts'
import { splitRotation } from './split-rotation.ts'

/** Where a phase on a wire goes. */
type PhaseWay = {
  /** The latest block that it may be moved back into. */
  sink: PairBlock | undefined
  /** The wire is known to be 0 or 1, apart from what waits: a phase is then global and means nothing. */
  classical: boolean
}

type Wire = PhaseWay & {
  /** One-qubit gates that no item holds yet. */
  pending: Matrix | undefined
  /** The block that ended with this wire and may still grow. */
  last: PairBlock | undefined
}

export class Fuser {
  readonly items: Item[] = []
  readonly #wires: Wire[]
  /** What held for a block's wires before it: again so when the block turns out to be diagonal. */
  readonly #before = new Map<PairBlock, Map<number, PhaseWay>>()
  /** Which wire carries a qubit: a swap only exchanges these. */
  readonly #wireOf: number[]
  readonly #mayRelabel: boolean

  /** `classical`: whether all qubits start as known 0s. Under a condition neither that nor relabelling holds. */
  constructor(qubits: number, options: { classical: boolean; wireOf?: readonly number[] }) {
    this.#wires = Array.from({ length: qubits }, () => ({
      pending: undefined,
      last: undefined,
      sink: undefined,
      classical: options.classical,
    }))
    this.#wireOf =
      options.wireOf === undefined ? Array.from({ length: qubits }, (_, qubit) => qubit) : [...options.wireOf]
    this.#mayRelabel = options.wireOf === undefined
  }

  get wireOf(): readonly number[] {
    return this.#wireOf
  }

  gate({ name, params, qubits }: GateOperation): void {
    const { base, controls } = PRIMITIVES[name]
    const wires = qubits.map((qubit) => this.#wireOf[qubit]!)
    if (base === 'id') return
    if (name === 'swap' && this.#mayRelabel) return this.#relabel(qubits[0]!, qubits[1]!)
    const matrix = baseMatrix(base, params)
    if (qubits.length === 1) return this.#wait(wires[0]!, matrix)
    if (qubits.length === 2)
      return this.#pair(wires[0]!, wires[1]!, controls === 0 ? matrix : controlledBy(matrix))
    const [first, ...rest] = wires.slice(controls)
    const controlWires = wires.slice(0, controls)
    this.flush(wires, controlWires)
    this.items.push(
      rest.length === 0
        ? { kind: 'controlled', controls: controlWires, target: first!, matrix }
        : { kind: 'exchange', controls: controlWires, from: first!, to: rest[0]! },
    )
    for (const wire of wires) this.#disturb(wire, controlWires.includes(wire))
  }

  /** Something that is not a gate happens to the wire now. `classical`: the wire is then 0 or 1. */
  look(item: Item, wires: readonly number[], classical: boolean): void {
    this.flush(wires, classical ? wires : [])
    this.items.push(item)
    for (const index of wires) {
      const wire = this.#wires[index]!
      if (classical) wire.pending = undefined // a phase, and the wire is 0 or 1 from here on
      this.#disturb(index, false)
      wire.classical = classical
    }
  }

  /** Puts the waiting gates of these wires into items. Those in `phasesMayWait` keep a gate that only turns phases. */
  flush(wires: readonly number[], phasesMayWait: readonly number[]): void {
    const waiting = wires.filter((index) => {
      const { pending } = this.#wires[index]!
      return pending !== undefined && !(phasesMayWait.includes(index) && isDiagonal(pending))
    })
    for (const index of waiting) this.#settlePhase(index)
    const left = waiting.filter((index) => !this.#absorb(index, waiting))
    for (let at = 0; at + 1 < left.length; at += 2) this.#begin(left[at]!, left[at + 1]!, IDENTITY_4)
    if (left.length % 2 === 1) this.#single(left.at(-1)!)
  }

  #relabel(p: number, q: number): void {
    const wire = this.#wireOf[p]!
    this.#wireOf[p] = this.#wireOf[q]!
    this.#wireOf[q] = wire
  }

  #wait(index: number, gate: Matrix): void {
    const wire = this.#wires[index]!
    wire.pending = wire.pending === undefined ? gate : multiply(gate, wire.pending)
  }

  #pair(a: number, b: number, gate: Matrix): void {
    const block = this.#wires[a]!.last
    if (block === undefined || block !== this.#wires[b]!.last) return this.#begin(a, b, gate)
    const before = kron(this.#takePending(a), this.#takePending(b))
    const whole = multiply(gate, before)
    extendBlock(block, block.a === a ? whole : exchangeQubits(whole))
    this.#own(block)
  }

  /** A new block. The rotations of the waiting gates go before it; what they do to phases goes back or after. */
  #begin(a: number, b: number, gate: Matrix): void {
    const block: PairBlock = { kind: 'pair', a, b, tanA: 0, tanB: 0, post: gate }
    if (permutationOf(gate) === undefined) {
      block.post = multiply(gate, kron(this.#takePending(a), this.#takePending(b)))
    } else {
      const [splitA, splitB] = [splitRotation(this.#takePending(a)), splitRotation(this.#takePending(b))]
      this.#sinkPhase(a, splitA.before)
      this.#sinkPhase(b, splitB.before)
      block.tanA = splitA.tan
      block.tanB = splitB.tan
      block.post = multiply(gate, kron(splitA.after, splitB.after))
    }
    this.items.push(block)
    this.#before.set(block, new Map([a, b].map((index) => [index, this.#phasesOf(index)])))
    for (const index of [a, b]) this.#wires[index]!.last = block
    this.#own(block)
  }

  #phasesOf(index: number): PhaseWay {
    const { sink, classical } = this.#wires[index]!
    return { sink, classical }
  }

  // A wire that went on to another block is no longer this one's: nothing may be put between the two.
  #own(block: PairBlock): void {
    const diagonal = isDiagonalBlock(block)
    const ending = [block.a, block.b].filter((index) => this.#wires[index]!.last === block)
    for (const index of ending) {
      const wire = this.#wires[index]!
      // A phase passes through a diagonal block, to where it costs nothing.
      Object.assign(wire, diagonal ? this.#before.get(block)!.get(index) : { sink: block, classical: false })
    }
    if (!diagonal || ending.length < 2) return
    const { a, b } = takePhases(block)
    this.#sinkPhase(block.a, a)
    this.#sinkPhase(block.b, b)
  }

  #sinkPhase(index: number, { re, im }: { re: number; im: number }): void {
    const { sink, classical, last } = this.#wires[index]!
    if (Math.hypot(re - 1, im) < 1e-15) return
    if (sink !== undefined) return turnPhase(sink, index, { re, im })
    if (classical) return
    // Before a block that may still grow: it is diagonal as yet, or it would be the sink.
    const at = last === undefined ? this.items.length : this.items.lastIndexOf(last)
    this.items.splice(at, 0, { kind: 'phase', wire: index, re, im })
  }

  /** A waiting gate that only turns phases goes back to where phases are taken. */
  #settlePhase(index: number): void {
    const { pending } = this.#wires[index]!
    if (pending !== undefined && isDiagonal(pending))
      this.#sinkPhase(index, splitRotation(this.#takePending(index)).before)
  }

  /** Into the block before, when that is dense anyway, stays a permutation, or takes two gates at once. */
  #absorb(index: number, waiting: readonly number[]): boolean {
    const { last: block, pending } = this.#wires[index]!
    if (pending === undefined) return true // settled, or went with its partner
    if (block === undefined) return false
    const partner = block.a === index ? block.b : block.a
    const both = waiting.includes(partner) && this.#wires[partner]!.last === block
    if (!both && permutationOf(block.post) !== undefined && permutationOf(pending) === undefined) return false
    const first = both
      ? this.#takePending(block.a)
      : block.a === index
        ? this.#takePending(index)
        : IDENTITY_2
    const second = both
      ? this.#takePending(block.b)
      : block.b === index
        ? this.#takePending(index)
        : IDENTITY_2
    extendBlock(block, kron(first, second))
    this.#own(block)
    return true
  }

  #single(index: number): void {
    this.items.push({ kind: 'controlled', controls: [], target: index, matrix: this.#takePending(index) })
    this.#disturb(index, false)
  }

  #takePending(index: number): Matrix {
    const wire = this.#wires[index]!
    const { pending = IDENTITY_2 } = wire
    wire.pending = undefined
    return pending
  }

  /** An item that is no pair block touched the wire. A phase still passes it where it was only a control. */
  #disturb(index: number, phasesPass: boolean): void {
    const wire = this.#wires[index]!
    wire.last = undefined
    if (phasesPass) return
    wire.sink = undefined
    wire.classical = false
  }
}
