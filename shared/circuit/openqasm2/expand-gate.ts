import type { Condition, Operation } from '../circuit.ts'
import { evaluate } from './evaluate.ts'
import type { Gate } from './gate-table.ts'
import type { OperationList } from './operation-list.ts'

/** A gate body may call gates that call gates; a chain longer than this is no circuit anyone meant. */
const MAX_NESTING = 500

/** A gate and the bits it is applied to. `at` is the place in the program text that asked for it. */
type Application = {
  gate: Gate
  params: readonly number[]
  qubits: readonly number[]
  condition?: Condition
  at: number
}

/** Adds what the gate consists of to `list`, down to primitives. */
export function expandGate(list: OperationList, application: Application, nesting = 0): void {
  const { gate, params, qubits, condition, at } = application
  if ('primitive' in gate) {
    const passed = gate.pass === undefined ? params : gate.pass(params)
    list.add({ kind: 'gate', name: gate.primitive, params: passed, qubits, condition }, at)
    return
  }
  if (gate.body === undefined) {
    throw list.error(
      at,
      'CIRCUIT_UNSUPPORTED',
      `gate '${gate.name}' is opaque: nothing says what it does, so it can't be run here`,
    )
  }
  if (nesting > MAX_NESTING)
    throw list.error(at, 'CIRCUIT_TOO_LARGE', `gate definitions are nested more than ${MAX_NESTING} deep`)
  const values = new Map(gate.params.map(({ name }, position) => [name, params[position]!]))
  const wires = new Map(gate.qubits.map(({ name }, position) => [name, qubits[position]!]))
  for (const [position, statement] of gate.body.entries()) {
    list.countStep(at)
    const inner = statement.args.map(({ name }) => wires.get(name)!)
    if (statement.kind === 'barrier') {
      list.add(barrierOf(inner.length === 0 ? qubits : inner), at)
      continue
    }
    const called = gate.callees[position]!
    const evaluated = statement.params.map((param) => evaluate(gate.source, param, values))
    expandGate(list, { gate: called, params: evaluated, qubits: inner, condition, at }, nesting + 1)
  }
}

const barrierOf = (qubits: readonly number[]): Operation => ({ kind: 'barrier', qubits })
