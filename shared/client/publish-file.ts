/** From a flow file to the catalogue: its bundle is stored first, then each flow that it exports gets its entry. */
import { dirname, resolve } from 'node:path'
import type { Bundle } from '../bundle/index.ts'
import { QubusError } from '../contract/errors.ts'
import { isGraphFile, readOpenGraph } from './graph-file.ts'
import { assertNotBuiltin, type Publication, putPublished } from './published-flows.ts'
import type { Session } from './session.ts'

/** What a file would publish: read and checked, nothing sent. */
export type PreparedFile = {
  file: string
  bundle: Bundle
  flows: { flow: string; input?: Record<string, unknown> }[]
}

/** @throws QubusError `BUNDLE_FAILED`; `INVALID_INPUT` for a graph that is wrong; `INVALID_NAME` for a built-in flow's name; `UNKNOWN_FLOW` when it exports no flow. */
export async function prepareFile(file: string): Promise<PreparedFile> {
  const { bundleFlowFile, bundleGraph, describeBundle, describeInputs } = await import('../bundle/index.ts')
  const bundle = isGraphFile(file)
    ? await bundleGraph(await readOpenGraph(file), dirname(resolve(file)))
    : await bundleFlowFile(file)
  const { flows } = await describeBundle(bundle)
  const exported = flows.filter((flow) => flow.isDefault || flow.export !== undefined)
  if (exported.length === 0) {
    const there = flows.map((flow) => JSON.stringify(flow.name)).join(', ')
    throw new QubusError(
      'UNKNOWN_FLOW',
      `${file} exports no flow${there === '' ? '' : ` (it defines ${there})`}: write export default flow(…), or export const name = flow(…)`,
    )
  }
  for (const { name } of exported) assertNotBuiltin(name)
  const inputs = await describeInputs(bundle)
  return {
    file: resolve(file),
    bundle,
    flows: exported.map(({ name }) => {
      const input = inputs.get(name)
      return { flow: name, ...(input === undefined ? {} : { input }) }
    }),
  }
}

/**
 * Publishes the flows that the file exports, by their names; of a graph (YAML, JSON), the graph.
 * @throws QubusError `STREAM_FULL`, `UNREACHABLE`.
 */
export async function publishPrepared(session: Session, prepared: PreparedFile): Promise<Publication[]> {
  const { bundle, file, flows } = prepared
  await session.blobs.put(bundle.bytes)
  const published: Publication[] = []
  for (const flow of flows) {
    const entry = { ...flow, bundle: bundle.hash, sourceRoot: bundle.sourceRoot, file }
    published.push(await putPublished(session, { ...entry, by: session.user, at: Date.now() }))
  }
  return published
}
