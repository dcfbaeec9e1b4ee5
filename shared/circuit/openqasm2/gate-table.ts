/** Which gates a program may use at the line that is being read. */
import { suggestion } from '../closest-name.ts'
import { errorAt, type Source } from '../source.ts'
import type { GateDeclaration } from './ast.ts'
import { checkBody } from './check-gate.ts'
import { parseProgram } from './parse.ts'
import { BUILT_IN, type LibraryGate, QELIB1, RELATIVE_PHASE_GATES } from './qelib1.ts'

/** `callees[k]` is what statement k of the body meant when it was written; absent for a barrier. */
export type CustomGate = GateDeclaration & { source: Source; callees: (Gate | undefined)[] }
export type Gate = LibraryGate | CustomGate

export class GateTable {
  readonly #gates = new Map<string, Gate>(BUILT_IN)
  readonly #own = new Set<string>(BUILT_IN.keys())
  #included = false

  include(): void {
    if (this.#included) return
    this.#included = true
    this.addLibrary(QELIB1)
    this.addLibrary(relativePhaseGates())
  }

  /**
   * A file may define a gate that the library also has: qelib1.inc came in many sizes and files carry what their
   * author's lacked. The file's own definition then holds. Twice in one file is an error.
   */
  declare(source: Source, gate: GateDeclaration): void {
    if (this.#own.has(gate.name)) {
      throw errorAt(
        source,
        gate.at,
        'CIRCUIT_DUPLICATE_NAME',
        `gate '${gate.name}' is defined already: choose another name`,
      )
    }
    // Checked before it is known: a body that calls its own gate calls an unknown gate, as the language wants.
    const callees = checkBody(source, gate, this)
    this.#own.add(gate.name)
    this.#gates.set(gate.name, { ...gate, source, callees })
  }

  isOwn(name: string): boolean {
    return this.#own.has(name)
  }

  find(source: Source, name: string, at: number): Gate {
    const gate = this.#gates.get(name)
    if (gate !== undefined) return gate
    if (!this.#included && (QELIB1.has(name) || relativePhaseGates().has(name))) {
      throw errorAt(
        source,
        at,
        'CIRCUIT_UNKNOWN_GATE',
        `gate '${name}' is in qelib1.inc: write include "qelib1.inc"; after the version line`,
      )
    }
    throw errorAt(
      source,
      at,
      'CIRCUIT_UNKNOWN_GATE',
      `unknown gate '${name}'${suggestion(name, this.#gates.keys())}`,
    )
  }

  /** Gates of an include file; what the program itself defined before stays. */
  addLibrary(gates: ReadonlyMap<string, Gate>): void {
    for (const [name, gate] of gates) {
      if (!this.#gates.has(name)) this.#gates.set(name, gate)
    }
  }
}

let cached: ReadonlyMap<string, Gate> | undefined

function relativePhaseGates(): ReadonlyMap<string, Gate> {
  if (cached !== undefined) return cached
  const source = { text: RELATIVE_PHASE_GATES, file: 'qelib1.inc' }
  const gates = parseProgram(source).filter((statement) => statement.kind === 'gate')
  const table = new GateTable()
  table.addLibrary(QELIB1)
  for (const gate of gates) table.declare(source, gate)
  cached = new Map(gates.map(({ name, at }) => [name, table.find(source, name, at)]))
  return cached
}
