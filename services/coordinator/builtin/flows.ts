/** Flows that Qubus brings along: what has no run of its own gets one. Loaded like a bundle. */
import { circuit } from '#shared/flow/circuit.ts'
import { flow } from '#shared/flow/flow.ts'
import { launchVqpu } from '#shared/flow/vqpu.ts'
import { graphInput } from '#shared/graph/input.ts'
import { runGraph } from '#shared/graph/run-graph.ts'

export { registry } from '#shared/flow/registry.ts'

type CircuitParams = {
  source: string
  shots?: number
  seed?: number
  device?: string
  method?: string
  name?: string
}

/** `qubus circuit run`: one circuit; the result is its counts and how they came about. */
export const runCircuit = flow(
  'circuit',
  async ({ source, shots, seed, device, method, name }: CircuitParams) => {
    const options = {
      ...(shots === undefined ? {} : { shots }),
      ...(seed === undefined ? {} : { seed }),
      ...(method === undefined ? {} : { method }),
      ...(name === undefined ? {} : { name }),
    }
    return await circuit(source, options).run({ device: device ?? 'any' })
  },
)

type LaunchParams = { id?: number | string; engine?: string; walltimeSeconds?: number; shared?: boolean }

/** `qubus vqpu launch`: a vQPU that outlives this run, unless `shared` is false. */
export const launch = flow('vqpu-launch', async ({ id, engine, walltimeSeconds, shared }: LaunchParams) => {
  const { drain: _drain, ...facts } = await launchVqpu({
    ...(id === undefined ? {} : { id }),
    ...(engine === undefined ? {} : { engine }),
    ...(walltimeSeconds === undefined ? {} : { walltimeSeconds }),
    shared: shared ?? true,
  })
  return facts
})

/** A flow without code: `qubus run FILE.yaml`. What is wrong with its document is found before any work. */
export const graph = flow('graph', { input: graphInput, runName: '{name}' }, runGraph)

/** What a bundle exports of its file. */
export const file = { runCircuit, launch, graph }
