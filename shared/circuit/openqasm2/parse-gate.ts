import type { TokenReader } from '../token-reader.ts'
import type { Barrier, GateCall, GateDeclaration, Named } from './ast.ts'
import { parseBarrier, parseCall } from './parse-operation.ts'
import { parseNewName, RESERVED } from './words.ts'

export function parseGate(reader: TokenReader): GateDeclaration {
  const opaque = reader.take().text === 'opaque'
  const { text: name, at } = parseNewName(reader, 'a name for the gate')
  const params = reader.skip('(') ? parseNames(reader, 'a parameter name', ')') : []
  const qubits = parseNames(reader, 'a qubit name', opaque ? ';' : '{')
  if (qubits.length === 0)
    throw reader.error({ at }, 'CIRCUIT_SYNTAX', `gate '${name}' needs at least one qubit`)
  if (opaque) return { kind: 'gate', name, params, qubits, at }
  const body: (GateCall | Barrier)[] = []
  while (!reader.skip('}')) body.push(parseBodyStatement(reader, name))
  return { kind: 'gate', name, params, qubits, body, at }
}

/** Names between commas, up to and with `end`. */
function parseNames(reader: TokenReader, what: string, end: string): Named[] {
  const names: Named[] = []
  if (reader.skip(end)) return names
  do {
    const { text, at } = parseNewName(reader, what)
    names.push({ name: text, at })
  } while (reader.skip(','))
  reader.symbol(end, `or ',' after '${names.at(-1)!.name}'`)
  return names
}

function parseBodyStatement(reader: TokenReader, gate: string): GateCall | Barrier {
  const token = reader.peek()
  if (token.kind === 'end') throw reader.unexpected(`'}' to close the body of gate '${gate}'`)
  const statement = token.kind === 'name' && token.text === 'barrier' ? parseBarrier(reader) : undefined
  if (statement === undefined && RESERVED.has(token.text)) {
    throw reader.error(
      token,
      'CIRCUIT_SYNTAX',
      `'${token.text}' may not stand in a gate body: only gates and barriers may`,
    )
  }
  const checked = statement ?? parseCall(reader)
  const indexed = checked.args.find((arg) => arg.index !== undefined)
  if (indexed === undefined) return checked
  throw reader.error(
    { at: indexed.indexAt },
    'CIRCUIT_SYNTAX',
    `a gate body names its qubits without an index: write '${indexed.name}'`,
  )
}
