/** OpenQASM 2's tree to a checked circuit: names looked up, registers broadcast, gates expanded, parameters computed. */
import type { Circuit, Condition } from '../circuit.ts'
import { errorAt, type Source } from '../source.ts'
import { depthOf, isDynamic } from '../structure.ts'
import type { Argument, GateCall, GateDeclaration, QuantumOperation, Statement } from './ast.ts'
import { broadcast } from './broadcast.ts'
import { checkCall, checkDistinct } from './check-gate.ts'
import { evaluate } from './evaluate.ts'
import { expandGate } from './expand-gate.ts'
import { GateTable } from './gate-table.ts'
import { OperationList } from './operation-list.ts'
import { Registers } from './registers.ts'

type Context = {
  source: Source
  gates: GateTable
  registers: Registers
  list: OperationList
  used: Set<string>
}

export function elaborate(source: Source, program: readonly Statement[], maxOperations: number): Circuit {
  const context: Context = {
    source,
    gates: new GateTable(),
    registers: new Registers(source),
    list: new OperationList(source, maxOperations),
    used: new Set(),
  }
  for (const statement of program) apply(context, statement)
  const {
    registers,
    used,
    list: { operations },
  } = context
  return {
    language: 'openqasm2',
    qubits: registers.size('qreg'),
    clbits: registers.size('creg'),
    qregs: registers.all.qreg,
    cregs: registers.all.creg,
    operations,
    gatesUsed: [...used].sort(),
    depth: depthOf(operations, registers.size('qreg'), registers.all.creg),
    gateCount: operations.reduce((count, { kind }) => (kind === 'gate' ? count + 1 : count), 0),
    dynamic: isDynamic(operations),
  }
}

function apply(context: Context, statement: Statement): void {
  switch (statement.kind) {
    case 'include':
      return include(context, statement.file, statement.at)
    case 'qreg':
    case 'creg':
      return declareRegister(context, statement)
    case 'gate':
      return declareGate(context, statement)
    case 'barrier':
      return barrier(context, statement.args, statement.at)
    case 'if':
      return applyQuantum(context, statement.body, conditionOf(context, statement))
    default:
      return applyQuantum(context, statement)
  }
}

function include({ source, gates }: Context, file: string, at: number): void {
  if (file === 'qelib1.inc') return gates.include()
  const advice =
    file === 'stdgates.inc'
      ? 'it belongs to OpenQASM 3, write "qelib1.inc" in OpenQASM 2'
      : 'only "qelib1.inc" is known, put the gates into this file'
  throw errorAt(source, at, 'CIRCUIT_UNSUPPORTED', `"${file}" can't be included: ${advice}`)
}

function declareRegister(
  { source, gates, registers }: Context,
  statement: Extract<Statement, { kind: 'qreg' | 'creg' }>,
): void {
  const { kind, name, size, at, sizeAt } = statement
  if (gates.isOwn(name))
    throw errorAt(
      source,
      at,
      'CIRCUIT_DUPLICATE_NAME',
      `'${name}' is the name of a gate already: choose another name`,
    )
  registers.declare(kind, name, size, at, sizeAt)
}

function declareGate({ source, gates, registers }: Context, gate: GateDeclaration): void {
  if (registers.has(gate.name))
    throw errorAt(
      source,
      gate.at,
      'CIRCUIT_DUPLICATE_NAME',
      `'${gate.name}' is the name of a register already: choose another name`,
    )
  gates.declare(source, gate)
}

function conditionOf(
  { registers }: Context,
  { creg, value, at }: Extract<Statement, { kind: 'if' }>,
): Condition {
  registers.find('creg', creg, at)
  return { creg, value }
}

function applyQuantum(context: Context, operation: QuantumOperation, condition?: Condition): void {
  const { source, registers, list } = context
  switch (operation.kind) {
    case 'call':
      return applyGate(context, operation, condition)
    case 'reset':
      for (const qubit of registers.bits('qreg', operation.arg))
        list.add({ kind: 'reset', qubit, condition }, operation.at)
      return
    case 'measure': {
      const { from, to, at } = operation
      const bits = [registers.bits('qreg', from), registers.bits('creg', to)]
      if ((from.index === undefined) !== (to.index === undefined)) {
        throw errorAt(
          source,
          to.at,
          'CIRCUIT_BAD_ARGUMENT',
          'a bit is measured into a bit and a register into a register: write an index on both sides or on neither',
        )
      }
      for (const [qubit, clbit] of broadcast(source, [from, to], bits))
        list.add({ kind: 'measure', qubit: qubit!, clbit: clbit!, condition }, at)
    }
  }
}

function applyGate(
  { source, gates, registers, list, used }: Context,
  call: GateCall,
  condition?: Condition,
): void {
  const gate = gates.find(source, call.name, call.at)
  checkCall(source, gate, call)
  used.add(call.name)
  const params = call.params.map((param) => evaluate(source, param, NO_VALUES))
  const bits = call.args.map((arg) => registers.bits('qreg', arg))
  for (const qubits of broadcast(source, call.args, bits)) {
    checkDistinct(source, call, qubits)
    expandGate(list, { gate, params, qubits, condition, at: call.at })
  }
}

function barrier({ registers, list }: Context, args: readonly Argument[], at: number): void {
  const all = Array.from({ length: registers.size('qreg') }, (_, qubit) => qubit)
  const qubits = args.length === 0 ? all : args.flatMap((arg) => registers.bits('qreg', arg))
  list.add({ kind: 'barrier', qubits: [...new Set(qubits)] }, at)
}

const NO_VALUES: ReadonlyMap<string, number> = new Map()
