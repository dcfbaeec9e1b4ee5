/** What a flow of a round is told to do, and what it must come to: the one place where that is known. */

export type Use = { value: number; ms: number; failures?: number }

export type Operation =
  | { op: 'tasks'; uses: Use[] }
  | { op: 'map'; values: number[]; ms: number; concurrency?: number }
  | { op: 'limited'; values: number[]; ms: number }
  | { op: 'caught' | 'group'; message: string; ms: number }
  | { op: 'program'; text: string; seconds: number }
  | { op: 'circuits'; device: 'any' | 'vqpu' | 'own'; id: number; bits: number[]; shots: number }
  | { op: 'sleep'; seconds: number }
  | { op: 'dropped' }
  | { op: 'set'; name: string; value: number }
  | { op: 'wait'; name: string; value: number }
  | { op: 'vain'; name: string; seconds: number }
  | { op: 'effect'; value: number }
  | { op: 'large'; bytes: number; value: number }
  | { op: 'sub'; branches: Branch[] }

/** One after the other; a flow has several at once. */
export type Branch = Operation[]

export function expectedOf(branches: Branch[]): unknown[][] {
  return branches.map((branch) => branch.map(expected))
}

function expected(operation: Operation): unknown {
  switch (operation.op) {
    case 'tasks':
      return operation.uses.map(({ value }) => value * value)
    case 'map':
    case 'limited':
      return operation.values.map((value) => value * value)
    case 'caught':
    case 'group':
      return operation.message
    case 'program':
      return { exitCode: 0, stdout: operation.text }
    case 'circuits':
      return operation.bits.map((bit) => ({ [['001', '010', '100'][bit] as string]: operation.shots }))
    case 'sleep':
      return 'slept'
    case 'dropped':
      return true
    case 'set':
      return 'set'
    case 'wait':
    case 'effect':
      return operation.value
    case 'vain':
      return 'TIMEOUT'
    case 'large':
      return operation.bytes * operation.value
    case 'sub':
      return expectedOf(operation.branches)
  }
}
