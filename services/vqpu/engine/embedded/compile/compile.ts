import type { Circuit } from '#shared/circuit/index.ts'
import { fuseCircuit } from './fuse-circuit.ts'
import { layOut } from './lay-out.ts'
import type { Program } from './program.ts'

/** A circuit as the steps that compute it with the fewest passes over the state. */
export function compile(circuit: Circuit): Program {
  return layOut(fuseCircuit(circuit), circuit.clbits)
}
