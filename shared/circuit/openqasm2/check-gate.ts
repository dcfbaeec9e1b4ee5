/** What can be said against a gate definition or call without knowing where it is applied. */
import { suggestion } from '../closest-name.ts'
import { errorAt, type Source } from '../source.ts'
import type { Expression, GateCall, GateDeclaration } from './ast.ts'
import { evaluate } from './evaluate.ts'
import type { Gate, GateTable } from './gate-table.ts'

/** Checks a gate's body when it is declared, so that a mistake shows even in a gate that nobody uses. Gives its callees. */
export function checkBody(source: Source, gate: GateDeclaration, table: GateTable): (Gate | undefined)[] {
  checkNames(source, gate.params, 'parameter')
  checkNames(source, gate.qubits, 'qubit')
  const qubits = gate.qubits.map(({ name }) => name)
  const zeros = new Map(gate.params.map(({ name }) => [name, 0]))
  return (gate.body ?? []).map((statement) => {
    const unknown = statement.args.find(({ name }) => !qubits.includes(name))
    if (unknown !== undefined) {
      const hint = suggestion(unknown.name, qubits) || `: it has ${qubits.join(', ')}`
      throw errorAt(
        source,
        unknown.at,
        'CIRCUIT_UNKNOWN_NAME',
        `gate '${gate.name}' has no qubit '${unknown.name}'${hint}`,
      )
    }
    if (statement.kind === 'barrier') return undefined
    const callee = table.find(source, statement.name, statement.at)
    checkCall(source, callee, statement)
    checkDistinct(
      source,
      statement,
      statement.args.map(({ name }) => qubits.indexOf(name)),
    )
    for (const param of statement.params) checkParameter(source, param, zeros)
    return callee
  })
}

/** Looks every name up without minding the value: with zeros, 1/theta is no mistake. */
function checkParameter(source: Source, param: Expression, zeros: ReadonlyMap<string, number>): void {
  try {
    evaluate(source, param, zeros)
  } catch (error) {
    if ((error as { code?: string }).code !== 'CIRCUIT_BAD_ARGUMENT') throw error
  }
}

function checkNames(source: Source, names: readonly { name: string; at: number }[], what: string): void {
  const seen = new Set<string>()
  for (const { name, at } of names) {
    if (seen.has(name))
      throw errorAt(source, at, 'CIRCUIT_DUPLICATE_NAME', `two ${what}s of the gate are called '${name}'`)
    seen.add(name)
  }
}

/** The right number of parameters and qubits. */
export function checkCall(source: Source, gate: Gate, call: GateCall): void {
  const params = typeof gate.params === 'number' ? gate.params : gate.params.length
  const qubits = typeof gate.qubits === 'number' ? gate.qubits : gate.qubits.length
  if (call.params.length !== params) {
    throw errorAt(
      source,
      call.at,
      'CIRCUIT_BAD_ARGUMENT',
      `gate '${call.name}' takes ${counted(params, 'parameter')}, found ${call.params.length}`,
    )
  }
  if (call.args.length !== qubits) {
    throw errorAt(
      source,
      call.at,
      'CIRCUIT_BAD_ARGUMENT',
      `gate '${call.name}' takes ${counted(qubits, 'qubit')}, found ${call.args.length}`,
    )
  }
}

/** No qubit twice in one gate. `qubits` belong to the call's arguments one by one. */
export function checkDistinct(source: Source, call: GateCall, qubits: readonly number[]): void {
  const twice = qubits.findIndex((qubit, position) => qubits.indexOf(qubit) < position)
  if (twice === -1) return
  const { name, at } = call.args[twice]!
  throw errorAt(
    source,
    at,
    'CIRCUIT_BAD_ARGUMENT',
    `gate '${call.name}' gets one qubit of '${name}' twice: its qubits must differ`,
  )
}

const counted = (count: number, noun: string) => (count === 1 ? `1 ${noun}` : `${count} ${noun}s`)
